"""Schemas in tools, results that are kept, the list of changes, and the command line."""

import copy
import json
import pickle
import subprocess
import sys

import pytest

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import NormalizedCache, changes, normalize_schema, normalize_tool


def tool(n=0):
    return {
        "type": "function",
        "function": {
            "name": f"tool_{n}",
            "description": "Look up",
            "strict": True,
            "parameters": {"type": "object", "description": "All in SI units.", "properties": {"a": {"const": n}}},
        },
    }


def test_words_about_all_parameters_move_to_the_function():
    function = normalize_tool(tool())["function"]
    assert function["description"] == "Look up. All in SI units."
    assert "description" not in function["parameters"]
    assert function["strict"] is True
    assert normalize_tool(normalize_tool(tool())) == normalize_tool(tool())


def test_tools_without_parameters_and_tools_of_other_kinds():
    assert normalize_tool({"type": "function", "function": {"name": "now"}})["function"]["parameters"] == {
        "type": "object",
        "properties": {},
    }
    builtin = {"type": "builtin_function", "function": {"name": "$web_search"}}
    assert normalize_tool(builtin) == builtin


def test_errors_name_the_tool():
    bad = {"type": "function", "function": {"name": "search", "parameters": {"$ref": "#/$defs/Gone"}}}
    with pytest.raises(KimiInputError, match=r"^tool 'search', \$ref at root: got '#/\$defs/Gone'"):
        normalize_tool(bad)


def test_the_cache_sees_objects_equal_objects_and_changed_objects():
    cache = NormalizedCache(size=3)
    first = tool()
    [result] = cache.tools([first])
    assert result == normalize_tool(first)
    assert cache.tools([first])[0] is result
    assert cache.tools([tool()])[0] is result
    first["function"]["parameters"]["properties"]["a"]["const"] = "changed"
    assert cache.tools([first])[0]["function"]["parameters"]["properties"]["a"]["enum"] == ["changed"]
    assert pickle.loads(pickle.dumps(cache)).tools([first]) == copy.deepcopy(cache).tools([first])
    many = [tool(n) for n in range(10)]
    assert cache.tools(many) == [normalize_tool(one) for one in many] == cache.tools(many)


def test_a_result_belongs_to_its_caller():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    normalize_schema(schema)["properties"].clear()
    assert normalize_schema(schema) == schema


def test_changes_are_listed_with_their_path():
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"const": 1, "title": "A"}}}}
    assert changes(schema) == ["properties.a.items: const became an enum of one value"]
    assert changes(normalize_schema(schema)) == []


def test_command_line(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"type": "object", "properties": {"a": {"const": "名"}}}), encoding="utf-8")
    command = [sys.executable, "-m", "kimi_api.cli", "schema"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, encoding="utf-8", check=True)
    assert json.loads(done.stdout)["properties"]["a"] == {"type": "string", "enum": ["名"]}
    assert done.stderr == "properties.a: const became an enum of one value\n"
    piped = subprocess.run([*command, "-"], input="false", capture_output=True, text=True, check=False)
    assert piped.returncode == 2
    assert "it allows no value at all" in piped.stderr
