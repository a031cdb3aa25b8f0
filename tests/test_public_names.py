"""The public import paths: what each offers, and that old paths lead to the same objects.

A name that disappears from this table breaks somebody's program: it stays as a re-export instead.
"""

from __future__ import annotations

import importlib
import pkgutil

import pytest

PUBLIC = {
    "kimi_api": """
        AccountLimits ChatOptions KimiAPIError KimiAuthenticationError KimiBadRequestError KimiBatchError KimiClient
        KimiConnectionError KimiContentFilterError KimiContextOverflowError KimiDeadlineError KimiEmptyReplyError
        KimiError KimiFileError
        KimiFormulaError
        KimiIncompleteReplyError KimiInputError KimiKeyError KimiLimitError KimiNotFoundError KimiOverloadedError
        KimiPermissionError KimiQuotaError KimiRateLimitError KimiRefusalError KimiReplyError KimiServerError
        KimiReplyTooLongError KimiStatusError KimiStructuredOutputError
        KimiTimeoutError KimiTokenizer KimiToolChoiceError KimiWarning MODELS ModelSpec Price Reply ToolCall Usage
        build_request dynamic_tools_message get_model_spec normalize_schema partial_message
    """,
    "kimi_api.account": """
        Balance Cost ModelInfo abalance amodels arefresh balance cache_key cost merge_models models parse_balance
        parse_model refresh refreshed safety_identifier
    """,
    "kimi_api.batches": """
        BatchJob BatchObject BatchResult DONE ENDPOINT MAX_BYTES acancel alist_batches aresults aretrieve asubmit
        apoll_until_done await_done cancel list_batches poll_until_done results retrieve submit to_line wait
    """,
    "kimi_api.bulk": """
        FileResult Source aextract_many concerns_all extract_many find_files
    """,
    "kimi_api.cache": """
        DISK_BYTES FileCache MEMORY_BYTES
    """,
    "kimi_api.catalog": """
        Catalog DEFAULT_MODEL MODELS ModelSpec Price PromptTemplate ToolChoiceKind closest_model current_models
        find_model get_model_spec install listed_price process_catalog prompt_template set_process_catalog
        utc_today
    """,
    "kimi_api.chat": """
        acomplete astream complete settle stream
    """,
    "kimi_api.cli": """
        main
    """,
    "kimi_api.client": """
        Answer KimiClient Upload
    """,
    "kimi_api.costs": """
        CacheTtl CallCost Cost CostTally ModelCosts Plot Price cost price_of price_usage priced
    """,
    "kimi_api.credentials": """
        ApiKey BASE_URL_VARIABLES Bearer CHINA INTERNATIONAL KEY_VARIABLES REGIONS Region Secret check_key
        key_from_environment other_region read_key resolve_base_url
    """,
    "kimi_api.doctor": """
        Finding examine
    """,
    "kimi_api.errors": """
        KimiAPIError KimiAuthenticationError KimiBadRequestError KimiBatchError KimiConnectionError
        KimiContentFilterError KimiContextOverflowError KimiDeadlineError KimiEmptyReplyError KimiError
        KimiFileError KimiFormulaError
        KimiIncompleteReplyError KimiInputError KimiKeyError KimiLimitError KimiNotFoundError KimiOverloadedError
        KimiPermissionError KimiQuotaError KimiRateLimitError KimiRefusalError KimiReplyError KimiServerError
        KimiReplyTooLongError KimiStatusError KimiStructuredOutputError
        KimiTimeoutError KimiToolChoiceError
    """,
    "kimi_api.files": """
        ExtractedFile FileCache FileObject FileSource FileUsage LEFTOVER_AGE Ledger MAX_BYTES MAX_FILES
        MAX_TOTAL_BYTES SUPPORTED_SUFFIXES acontent adelete aextract alist_files apoll_until_ready aprune
        aretrieve aupload await_ready content delete extract list_files open_source poll_until_ready prune
        retrieve upload usage wait_ready
    """,
    "kimi_api.files.cache": """
        DISK_BYTES FileCache MEMORY_BYTES
    """,
    "kimi_api.files.ledger": """
        Ledger LedgerEntry default_ledger
    """,
    "kimi_api.formulas": """
        Fiber WEB_SEARCH alist_tools arun_fiber formula_uri list_tools parse_fiber parse_tools run_fiber
    """,
    "kimi_api.ledger": """
        Ledger LedgerEntry default_ledger
    """,
    "kimi_api.limits": """
        AccountLimits KimiLimitError LimitStore MemoryStore RedisStore SharedStore Wait
    """,
    "kimi_api.media": """
        IMAGE_TYPES INLINE_BYTES MAX_BODY_BYTES MediaInfo VIDEO_TYPES aplace_media aupload_media inspect_media
        media_part place_media upload_media
    """,
    "kimi_api.messages": """
        Repair WireMessage dynamic_tools_message partial_message partial_prefix prepare_messages reasoning_fields
        text_of
    """,
    "kimi_api.mfjs": """
        NormalizedCache changes normalize_schema normalize_tool unwrap
    """,
    "kimi_api.options": """
        ChatOptions EmptyAnswers Thinking Unsupported Wire
    """,
    "kimi_api.ray": """
        KimiChat KimiExtract
    """,
    "kimi_api.reply": """
        Reply ReplyBuilder ReplyDelta ToolCall Usage parse_reply parse_usage unique_id
    """,
    "kimi_api.request": """
        CHAT_PATH ChatRequest build_request
    """,
    "kimi_api.retry": """
        FIRST_WAIT LONGEST_RETRY_AFTER LONGEST_WAIT Retries is_retryable wait_seconds
    """,
    "kimi_api.settings": """
        CallArguments CallOptions ChatSettings ModelSettings ToolArguments
    """,
    "kimi_api.telemetry": """
        instrument uninstrument
    """,
    "kimi_api.tokenizer": """
        DEFAULT_REPOSITORY KimiTokenizer as_tokenizer
    """,
    "kimi_api.tokens": """
        EstimatedTokens KimiTokenizer Tokenizer aestimate as_tokenizer count_messages count_text estimate
        estimate_text forget_estimates
    """,
    "kimi_api.tokens.tokenizer": """
        DEFAULT_REPOSITORY KimiTokenizer as_tokenizer
    """,
    "kimi_api.tools": """
        ToolChoice WireTool check_tools resolve_tool_choice tool_name
    """,
    "kimi_api.usage": """
        Usage parse_usage
    """,
    "kimi_api.wire": """
        AssistantMessage ChatBody Choice ContentPart Delta Event FunctionCall FunctionDefinition ImagePart JsonSchema
        Message NamedTool ResponseFormat SystemMessage TextPart ThinkingSwitch Tool ToolCall ToolCallPiece ToolMessage
        UserMessage VideoPart WireMessage WireUsage
    """,
    "langchain_kimi": """
        ChatKimi KimiBatch KimiBlobParser KimiCostCallbackHandler KimiFileLoader KimiFormulaToolkit KimiLLM
        KimiStructuredOutputError KimiWarning KimiWebSearch dynamic_tools_message get_kimi_cost_callback
        partial_message register
    """,
    "langchain_kimi.batches": """
        BatchObject BatchResult KimiBatch
    """,
    "langchain_kimi.chat_models": """
        ChatKimi
    """,
    "langchain_kimi.document_loaders": """
        KimiFileLoader
    """,
    "langchain_kimi.document_parsers": """
        KimiBlobParser
    """,
    "langchain_kimi.errors": """
        ChatKimiAuthenticationError ChatKimiBadRequestError ChatKimiConnectionError ChatKimiContentFilterError
        ChatKimiContextOverflowError ChatKimiDeadlineError ChatKimiEmptyReplyError ChatKimiInputError
        ChatKimiKeyError ChatKimiLimitError
        ChatKimiNotFoundError ChatKimiOverloadedError ChatKimiPermissionError ChatKimiQuotaError ChatKimiRateLimitError
        ChatKimiReplyTooLongError
        ChatKimiServerError ChatKimiTimeoutError KimiRefusalError KimiStructuredOutputError
    """,
    "langchain_kimi.llms": """
        KimiLLM
    """,
    "langchain_kimi.messages": """
        dynamic_tools_message partial_message
    """,
    "langchain_kimi.middleware": """
        KimiDynamicToolsMiddleware KimiDynamicToolsState KimiPromptCachingMiddleware Select
    """,
    "langchain_kimi.registry": """
        register
    """,
    "langchain_kimi.tools": """
        KimiFormulaTool KimiFormulaToolError KimiFormulaToolkit KimiWebSearch
    """,
    "langchain_kimi.usage": """
        KimiCostCallbackHandler get_kimi_cost_callback usage_of
    """,
    "llama_index_kimi": """
        Kimi KimiBatch KimiChatMemoryBuffer KimiCostCallbackHandler KimiCostEventHandler KimiFileReader
        KimiFormulaToolSpec KimiMemory KimiWebSearchToolSpec dynamic_tools_message get_kimi_costs partial_message
    """,
    "llama_index_kimi.batches": """
        BatchObject BatchResult KimiBatch
    """,
    "llama_index_kimi.llm": """
        Kimi
    """,
    "llama_index_kimi.memory": """
        KimiChatMemoryBuffer KimiMemory
    """,
    "llama_index_kimi.messages": """
        dynamic_tools_message partial_message
    """,
    "llama_index_kimi.reader": """
        FileInput KimiFileReader
    """,
    "llama_index_kimi.tools": """
        KimiFormulaToolSpec KimiWebSearchToolSpec
    """,
    "llama_index_kimi.usage": """
        KimiCostCallbackHandler KimiCostEventHandler get_kimi_costs
    """,
    "kimi_emulator": """
        Brain BrainContext DIALECTS Dialect Emulator FAULTS Failure Fault Limits RateLimits ReceivedRequest Reply Report
        StoredFile Sweep TIERS ToolCall sweep
    """,
}

OLD_PATHS = {
    "kimi_api.cache": "kimi_api.files.cache",
    "kimi_api.ledger": "kimi_api.files.ledger",
    "kimi_api.tokenizer": "kimi_api.tokens.tokenizer",
}

SAME = [
    ("kimi_api", "Usage", "kimi_api.usage"),
    ("kimi_api.reply", "Usage", "kimi_api.usage"),
    ("kimi_api.reply", "parse_usage", "kimi_api.usage"),
    ("kimi_api", "AccountLimits", "kimi_api.limits"),
    ("kimi_api", "KimiTokenizer", "kimi_api.tokens"),
    ("kimi_api", "normalize_schema", "kimi_api.mfjs"),
    ("kimi_api", "KimiClient", "kimi_api.client"),
    ("kimi_api", "KimiRateLimitError", "kimi_api.errors"),
    ("kimi_api.files", "FileCache", "kimi_api.files.cache"),
    ("langchain_kimi", "ChatKimi", "langchain_kimi.chat_models"),
    ("langchain_kimi", "KimiFileLoader", "langchain_kimi.document_loaders"),
    ("llama_index_kimi", "Kimi", "llama_index_kimi.llm"),
    ("llama_index_kimi", "KimiFileReader", "llama_index_kimi.reader"),
]


def _public_modules(package: str) -> list[str]:
    root = importlib.import_module(package)
    names = [package, *(info.name for info in pkgutil.walk_packages(root.__path__, f"{package}."))]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


def test_every_public_module_is_in_the_table() -> None:
    modules = [
        name for package in ("kimi_api", "langchain_kimi", "llama_index_kimi") for name in _public_modules(package)
    ]
    # The emulator offers what stands in the package itself: its floors are its own.
    assert sorted([*modules, "kimi_emulator"]) == sorted(PUBLIC)


@pytest.mark.parametrize("path", PUBLIC)
def test_a_module_offers_what_the_table_says(path: str) -> None:
    module = importlib.import_module(path)
    assert sorted(module.__all__) == sorted(PUBLIC[path].split())


@pytest.mark.parametrize("path", PUBLIC)
def test_each_name_is_there(path: str) -> None:
    module = importlib.import_module(path)
    missing = [name for name in PUBLIC[path].split() if not hasattr(module, name)]
    assert missing == []


@pytest.mark.parametrize(("old", "new"), OLD_PATHS.items())
def test_an_old_path_leads_to_the_same_objects(old: str, new: str) -> None:
    before, now = importlib.import_module(old), importlib.import_module(new)
    assert all(getattr(before, name) is getattr(now, name) for name in before.__all__)


@pytest.mark.parametrize(("path", "name", "home"), SAME)
def test_a_name_is_the_same_object_at_both_paths(path: str, name: str, home: str) -> None:
    assert getattr(importlib.import_module(path), name) is getattr(importlib.import_module(home), name)
