"""Files in the encodings that people have: read as their mark, their head or their looks say."""

from __future__ import annotations

import codecs

import pytest

from kimi_emulator.platform.encodings import decode, decode_html

TEXTS = {
    "traditional": "圖書館每天早上九點開門，星期日休息。讀者可以借閱五本書，為期三週。",
    "simplified": "图书馆每天早上九点开门，星期日休息。读者可以借阅五本书，为期三周。",
    "japanese": "図書館は毎日午前九時に開館します。日曜日は休館です。本は五冊まで借りることができます。",
    "korean": "도서관은 매일 오전 아홉 시에 문을 엽니다. 일요일은 쉽니다. 책은 다섯 권까지 빌릴 수 있습니다.",
    "russian": "Библиотека открывается каждый день в девять утра. По воскресеньям она закрыта.",
    "greek": "Η βιβλιοθήκη ανοίγει κάθε μέρα στις εννέα το πρωί. Την Κυριακή είναι κλειστή.",
    "hebrew": "הספרייה נפתחת כל יום בתשע בבוקר. ביום ראשון היא סגורה.",
    "arabic": "تفتح المكتبة كل يوم في الساعة التاسعة صباحا. وهي مغلقة يوم الأحد.",
    "turkish": "Kütüphane her gün saat dokuzda açılır. Pazar günü kapalıdır. Öğrenciler için ücretsizdir.",
    "czech": "Knihovna otevírá každý den v devět hodin ráno. V neděli je zavřeno. Příliš žluťoučký kůň.",
    "german": "Die Bücherei öffnet täglich um neun Uhr, sonntags ist sie geschlossen. “Müller” zahlt 5 €.",
    "french": "La bibliothèque ouvre chaque jour à neuf heures. L’été, les élèves y sont très nombreux.",
}
ENCODED = [
    *(("traditional", "big5"), ("simplified", "gb18030"), ("simplified", "gbk"), ("simplified", "gb2312")),
    *(("japanese", "shift_jis"), ("japanese", "euc_jp"), ("korean", "euc_kr")),
    *(("russian", "cp1251"), ("russian", "koi8-r"), ("greek", "cp1253"), ("hebrew", "cp1255"), ("arabic", "cp1256")),
    *(("turkish", "cp1254"), ("czech", "cp1250"), ("german", "cp1252"), ("french", "cp1252")),
    *((name, encoding) for name in ("simplified", "german") for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")),
]


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize(("name", "encoding"), ENCODED)
def test_the_encoding_of_a_text_is_known_by_its_looks(name: str, encoding: str, times: int) -> None:
    text = "\n".join([TEXTS[name]] * times)
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["It opens at nine.", TEXTS["german"], f"1. {TEXTS['simplified']}\n2. {TEXTS['simplified']}"]
)
def test_utf_16_without_a_mark_is_known_by_its_zeros(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "text", ["文件内容", "你好", "《合同》；￥１００", "合同编号：A-12，金额 3000 元", "姓名,城市\n张三,北京\n"]
)
def test_a_text_too_short_to_tell_is_read_as_the_platforms_own_customers_write(text: str) -> None:
    assert decode(text.encode("gb18030")) == text


def test_a_long_file_is_judged_by_its_beginning() -> None:
    text = f"{TEXTS['traditional']}\n" * 40_000
    assert decode(text.encode("big5")) == text


def test_utf_8_with_a_zero_in_it_stays_utf_8() -> None:
    assert decode("Straße\0 und mehr davon".encode()) == "Straße\0 und mehr davon"


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(range(256)), codecs.BOM_UTF16_LE + b"\x00"])
def test_what_is_no_text_ends_in_no_error(data: bytes) -> None:
    assert isinstance(decode(data), str)


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        ("你好", "big5", "Big5"),
        ("こんにちは", "euc_jp", "euc-jp"),
        ("안녕", "euc_kr", "EUC-KR"),
        ("①株式会社", "cp932", "Shift_JIS"),  # a character that only Windows' form of it has
        ("鎔基", "gbk", "gb2312"),
        ("Привет", "cp1251", "windows-1251"),
        ("5 €", "cp1252", "iso-8859-1"),
        ("你好", "utf-8", "gb2312"),  # the head is wrong
        (TEXTS["russian"], "cp1251", "utf-8"),
        (TEXTS["german"], "cp1252", "no-such-encoding"),
        (TEXTS["german"], "utf-16-le", None),
    ],
)
def test_a_page_says_its_encoding_in_its_head(text: str, encoding: str, declared: str | None) -> None:
    head = f'<meta charset="{declared}">' if declared else ""
    page = f"<html><head>{head}</head><body><p>{text}</p></body></html>"
    assert decode_html(page.encode(encoding)) == page
