"""Writes the ten documents of the examples: PDF, DOCX, XLSX, PPTX, HTML, CSV, YAML, Markdown and plain text.

They are about an observatory that does not exist, so no model knows the answers beforehand. Run
`python -m examples.documents.make` after changing the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent

HANDBOOK = [
    (
        "Lindholm Observatory: Handbook for Night Staff",
        [
            "The observatory stands on the north ridge at 1,184 metres and has worked every clear night since 1962.",
            "Two people are on duty each night: the observer, who decides what is looked at, and the dome keeper, who "
            "answers for the building. Neither may leave the ridge while the dome is open.",
            "The main instrument is a reflector with a mirror of 1.6 metres. It is called Hedvig after the "
            "geodesist who chose the site.",
        ],
    ),
    (
        "The Dome",
        [
            "The shutter motor must be greased every 45 operating hours with the grey lithium grease from locker 3.",
            "Close the dome when the wind passes 17 metres per second for longer than two minutes, or at once when "
            "the rain sensor trips. The dome takes 95 seconds to close.",
            "If the motor fails, close the shutter with the hand crank in the stairwell. It needs 212 turns.",
        ],
    ),
    (
        "The Mirror",
        [
            "The mirror is washed in the first week of May and realuminised every third year in Turku.",
            "Dew is the commonest damage: keep the mirror at least two degrees warmer than the air in the dome.",
            "Report every scratch longer than a fingernail to the optics workshop before sunrise.",
        ],
    ),
]

MINUTES = [
    "Minutes of the observing committee, 14 September 2026",
    "Present: Ms Aalto (chair), Mr Berg, Dr Chaudhry, Ms Duarte. Mr Berg took the minutes.",
    "The committee approved a replacement of the guide camera. Dr Chaudhry will order the model Kestrel 9 by the end "
    "of October; the budget is 23,400 euros.",
    "Public evenings move from Friday to Wednesday because of the new bus timetable.",
]
NIGHTS = [
    ("Programme", "Nights granted", "Responsible"),
    ("Variable stars of the Lyra field", "31", "Ms Duarte"),
    ("Near-Earth asteroids", "24", "Dr Chaudhry"),
    ("Student practice", "12", "Mr Berg"),
]

NOTES = """# Winter notes of the dome keeper

## Snow

Clear the roof hatch before dusk. More than 30 centimetres of snow on the hatch bend its hinges; it happened in 2019
and cost us eleven nights.

## Road

The ridge road is closed from 1 December to 20 March. In these months staff come up with the cable sledge, which
leaves the valley station at 16:10 and carries at most 6 people.

## Generator

| item | where | how much |
|---|---|---|
| diesel | tank behind the workshop | 900 litres |
| spare fuses | drawer 12 | 20 |
| heater for the control room | cellar | 2 |

The generator starts by itself 8 seconds after a power cut. If it does not, pull the red lever twice.
"""


ROTA = [
    ("Week", "Observer", "Dome keeper"),
    ("47", "Ms Duarte", "Mr Lund"),
    ("48", "Dr Chaudhry", "Ms Aho"),
    ("49", "Mr Berg", "Mr Lund"),
]

SLIDES = [
    (
        "Fire drill for new staff",
        ["The siren sounds for 40 seconds.", "Meet at the flagpole, never at the cable sledge."],
    ),
    ("Extinguishers", ["Use carbon dioxide on electronics; the foam extinguisher is for the workshop only."]),
]

PARTS = """part,price in euros,in stock,supplier
shutter belt,148.50,3,Nygard Drives
dome wheel,62.00,11,Nygard Drives
finder eyepiece,39.90,2,Optika Umea
"""

VISITORS = """<!doctype html>
<html><head><title>Visitors</title><style>p { margin: 1em }</style></head><body>
<h1>Visiting the observatory</h1>
<p>A public evening costs 9 euros; children under twelve come in free of charge.</p>
<p>Groups of more than 15 people are asked to book two weeks ahead at the valley office.</p>
<p>Dogs stay outside, because hair on the mirror is worse than dust.</p>
</body></html>
"""

CHRONICLE = """Chronicle of the Lindholm Observatory

1958: The geodesist Hedvig Lindholm walked the ridge for three summers and chose the site.
1962: First light on the second of March.
1987: A lightning stroke burned the control desk; the night book of that year is lost.
2004: The comet Aalto-Berg was found on a plate that had been taken by mistake.
"""

STATION = """# Settings of the weather station
station: north mast
height_metres: 12
anemometer:
  reading: every 5 seconds
  heated: below 3 degrees
rain_sensor:
  trips_at: 0.2 millimetres
barometer:
  calibrated: 17 June 2026
"""

KITCHEN = """# Kitchen rules

## Night meal

The night meal is served at half past midnight. Mr Lund bakes rye bread on Mondays.

## Coffee

Coffee costs 40 cents a cup; the tin stands beside the sink. The machine is descaled with citric acid every second
week.
"""


def make_pdf(path: Path, chapters: Sequence[tuple[str, Sequence[str]]] = HANDBOOK) -> None:
    """A PDF with one page for each chapter: its title, and its paragraphs."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime(2026, 9, 1, tzinfo=UTC))
    pdf.set_title(chapters[0][0])
    for title, paragraphs in chapters:
        pdf.add_page()
        pdf.set_font("helvetica", "B", 16)
        pdf.multi_cell(0, 10, title, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("helvetica", size=11)
        for paragraph in paragraphs:
            pdf.ln(3)
            pdf.multi_cell(0, 6, paragraph, new_x="LMARGIN", new_y="NEXT")
    pdf.output(str(path))


def make_docx(path: Path) -> None:
    """A Word document with `MINUTES` as paragraphs and `NIGHTS` as a table."""
    import docx

    document = docx.Document()
    document.add_heading(MINUTES[0], level=1)
    for paragraph in MINUTES[1:]:
        document.add_paragraph(paragraph)
    table = document.add_table(rows=0, cols=len(NIGHTS[0]))
    for row in NIGHTS:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(path))


def make_xlsx(path: Path) -> None:
    """A workbook with `ROTA` on its only sheet."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Night rota"
    for row in ROTA:
        sheet.append(row)
    book.save(path)


def make_pptx(path: Path) -> None:
    """A presentation with one slide for each entry of `SLIDES`."""
    import pptx

    presentation = pptx.Presentation()
    for title, lines in SLIDES:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        for place, text in zip(slide.placeholders, (title, "\n".join(lines)), strict=True):
            place.text_frame.text = text  # type: ignore[attr-defined]
    presentation.save(str(path))


PLAIN = {
    "winter-notes.md": NOTES,
    "parts.csv": PARTS,
    "visitors.html": VISITORS,
    "chronicle.txt": CHRONICLE,
    "weather-station.yaml": STATION,
    "kitchen.md": KITCHEN,
}
FILES = sorted(FOLDER / name for name in ("handbook.pdf", "minutes.docx", "rota.xlsx", "fire-drill.pptx", *PLAIN))
"""The documents, by name."""


def main() -> None:
    """Write all of them beside this file."""
    make_pdf(FOLDER / "handbook.pdf")
    make_docx(FOLDER / "minutes.docx")
    make_xlsx(FOLDER / "rota.xlsx")
    make_pptx(FOLDER / "fire-drill.pptx")
    for name, text in PLAIN.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
