"""What Moonshot's own tools say to a schema, written from their rules and sharing no code with `kimi_api.mfjs`.

`problems(schema, level)` follows the walle checker (github.com/MoonshotAI/walle, June 2026) at its levels strict and
ultra, `gateway(schema)` the check in front of it, `encoder(schema)` the shapes that the K2.x prompt encoder can print,
and `valid(schema, instance)` is plain JSON Schema, for the keywords that the tests generate.
"""

import json
import math
import re

TYPES = {"null", "boolean", "object", "array", "number", "integer", "string"}
WORDS = {"description", "title"}
ROOT_ONLY = {"$defs", "$id"}
BY_TYPE = {
    "object": {"properties", "required", "additionalProperties", "default"},
    "array": {"items", "minItems", "maxItems", "default"},
    "string": {"minLength", "maxLength", "pattern", "enum", "default"},
    "number": {"minimum", "maximum", "enum", "default"},
    "integer": {"minimum", "maximum", "enum", "default"},
    "boolean": {"enum", "default"},
    "null": {"enum", "default"},
}
KNOWN = set().union(*BY_TYPE.values()) | WORDS | ROOT_ONLY | {"type", "anyOf", "$ref"}
RESERVED = {"$defs", "$ref", "anyOf", "required", "additionalProperties"}


def gateway(schema):
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return ['tools.function.parameters.type is required and must be "object"']
    return []


def problems(schema, level="ultra"):
    """Every problem with its path; the real checker reports one of them."""
    faults = []
    if not isinstance(schema, dict):
        return ["root: not an object"]
    if size(schema) > 120_000:
        faults.append("root: schema exceeds maximum allowed size")
    keys = count_keys(schema)
    if keys > 3_000:
        faults.append(f"root: total number of properties keys({keys})")
    check(schema, "", level, schema, faults)
    if not faults:
        if depth(schema, schema, ()) > 30:
            faults.append("root: schema depth exceeds maximum limit of 30")
        for path, node in walk(schema, ""):
            if "$ref" in node and not ends(node, schema, frozenset()):
                faults.append(f"{path}: detected infinite recursion without termination condition")
    return faults


def size(value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + 5 * sum(map(text.count, "<>&\u2028\u2029"))


def walk(node, path):
    """Schema positions of a schema that `check` found sound."""
    if not isinstance(node, dict):
        return
    yield path, node
    for keyword in ("properties", "$defs"):
        for name, sub in (node.get(keyword) or {}).items():
            yield from walk(sub, f"{path}.{keyword}.{name}")
    for keyword in ("items", "additionalProperties"):
        yield from walk(node.get(keyword), f"{path}.{keyword}")
    for index, sub in enumerate(node.get("anyOf") or []):
        yield from walk(sub, f"{path}.anyOf{{{index}}}")


def count_keys(node):
    return sum(len(n["properties"]) for _, n in walk(node, "") if isinstance(n.get("properties"), dict))


def check(node, path, level, root, faults):
    ultra = level == "ultra"

    def bad(text):
        faults.append(f"{path or 'root'}: {text}")

    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else []
    if "type" in node:
        if not isinstance(kind, str | list):
            bad("type must be string or array of strings")
        elif not kinds:
            bad("type array cannot be empty")
        elif not all(isinstance(k, str) and k in TYPES for k in kinds):
            bad("invalid type")
            kinds = []
        if "anyOf" in node:
            bad("when using anyOf, type should be defined in anyOf items instead of the parent schema")
        if "$ref" in node:
            bad("when using $ref, type should be defined in the referenced schema instead of the parent schema")
    if len(kinds) > 1:
        nullable_enum = "enum" in node and len(kinds) == 2
        for keyword in node.keys() - WORDS - {"type"} - (ROOT_ONLY if not path else set()):
            if not nullable_enum:
                bad(f"keyword {keyword} is not allowed in combination with multiple types")
        if ultra and len(set(kinds)) < len(kinds):
            bad("duplicate types in type array")
    if ultra:
        for keyword in node.keys() - KNOWN:
            bad(f"unsupported keywords: {keyword}")
        if path:
            for keyword in node.keys() & ROOT_ONLY:
                bad(f"keyword {keyword} must be at root level")
        if kinds:
            allowed = BY_TYPE[kinds[0]] | WORDS | {"type"} | (ROOT_ONLY if not path else set())
            for keyword in node.keys() - allowed:
                bad(f"invalid keywords: {keyword}")
        check_ranges(node, kinds, bad)
    check_defs(node, path, level, root, faults, bad)
    check_ref(node, path, ultra, root, bad)
    check_any_of(node, path, level, root, faults, bad)
    check_object(node, path, level, root, faults, bad)
    if "items" in node:
        if not isinstance(node["items"], dict):
            bad("items must be an object")
        else:
            check(node["items"], f"{path}.items".lstrip("."), level, root, faults)
    check_enum(node, kinds, bad)
    if "description" in node and not isinstance(node["description"], str):
        bad("description must be a string")
    if "pattern" in node and not isinstance(node["pattern"], str | None):
        bad("pattern must be a string")
    if "$id" in node and not isinstance(node["$id"], str | None):
        bad("$id must be a string")
    for keyword, part in node.items():
        # The reference check walks into plain data too.
        if keyword in ("default", "title") and '"$ref"' in json.dumps(part):
            bad("only local references are supported")


def check_ranges(node, kinds, bad):
    for low, high, owner in (
        ("minLength", "maxLength", {"string"}),
        ("minItems", "maxItems", {"array"}),
        ("minimum", "maximum", {"number", "integer"}),
    ):
        if not owner & set(kinds):
            continue
        for keyword in (low, high):
            value = node.get(keyword)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                bad(f"{keyword} must be a number")
            elif (low != "minimum" or "integer" in kinds) and value != int(value):
                bad("not a valid integer")
            elif low != "minimum" and value < 0:
                bad(f"{keyword} must be non-negative")
        if node.get(low) is not None and node.get(high) is not None and node[low] > node[high]:
            bad(f"{low} cannot be greater than {high}")


def check_defs(node, path, level, root, faults, bad):
    if "$defs" not in node:
        return
    if not isinstance(node["$defs"], dict):
        bad("$defs must be an object")
        return
    for name, sub in node["$defs"].items():
        if not name:
            bad("$defs property name cannot be empty")
        if not isinstance(sub, dict):
            bad("$defs schema must be object")
            continue
        for key in [name, *all_keys(sub)]:
            if "/" in key:
                bad(f"$defs property name '{key}' cannot contain '/' character")
        check(sub, f"{path}.$defs.{name}".lstrip("."), level, root, faults)


def all_keys(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from all_keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from all_keys(part)


def target_of(ref, root):
    if ref == "#":
        return root
    at = root
    for part in ref[2:].split("/"):
        at = at.get(part) if isinstance(at, dict) else None
    return at if isinstance(at, dict | bool) else None


def check_ref(node, path, ultra, root, bad):
    if "$ref" not in node:
        return
    ref = node["$ref"]
    if not isinstance(ref, str):
        bad("$ref must be a string")
        return
    if ref != "#" and not ref.startswith("#/$defs/"):
        bad("references must start with #/$defs/")
        return
    target = target_of(ref, root)
    if not isinstance(target, dict):
        bad(f"invalid $ref path: {ref}")
        return
    siblings = node.keys() - {"$ref"} - (ROOT_ONLY if not path else set())
    if ultra and siblings - WORDS:
        bad("keyword is not allowed at the same level as $ref")
    # Until 2026-06-09 at every level, today at ultra: descriptions clash too.
    clash = siblings & target.keys()
    for branch in target.get("anyOf") or []:
        clash |= (siblings - WORDS) & branch.keys() if isinstance(branch, dict) else set()
    if clash - (set() if ultra else WORDS):
        bad(f"conflicting keywords found after $ref expansion: {clash}")
    if re.search(r"(^|\.)(not|if|then|else|contains|propertyNames)$", path):
        bad("$ref is not allowed in this schema.")


def check_any_of(node, path, level, root, faults, bad):
    if "anyOf" not in node:
        return
    branches = node["anyOf"]
    if not isinstance(branches, list):
        bad("anyOf must be an array")
        return
    if not 1 <= len(branches) <= 500:
        bad("anyOf must have 1-500 items")
    outer = node.keys() - {"anyOf"}
    if level == "ultra" and outer - WORDS - (ROOT_ONLY if not path else set()):
        bad("keyword is not allowed at the same level as anyOf")
    for index, branch in enumerate(branches):
        if not isinstance(branch, dict):
            bad("schema in anyOf must be an object")
            continue
        if outer & branch.keys() - (set() if level == "ultra" else WORDS):
            bad("conflicting keywords found in anyOf with parent")
        check(branch, f"{path}.anyOf{{{index}}}".lstrip("."), level, root, faults)


def check_object(node, path, level, root, faults, bad):
    ultra = level == "ultra"
    properties = node.get("properties")
    if "properties" in node and not isinstance(properties, dict):
        bad("properties must be an object")
        properties = None
    for name, sub in (properties or {}).items():
        if not name and ultra:
            bad("property name cannot be empty")
        if name in RESERVED:
            bad(f"property name '{name}' is reserved for JSON Schema keywords")
        if not isinstance(sub, dict):
            bad(f"property schema for '{name}' must be an object")
            continue
        if "{" in name and "}" in name:
            for _, below in walk(sub, ""):
                if {"enum", "anyOf", "$ref"} & below.keys() or below.get("required"):
                    bad(f"invalid path: properties.{name}")
        check(sub, f"{path}.properties.{name}".lstrip("."), level, root, faults)
    if "required" in node:
        required = node["required"]
        if not isinstance(required, list):
            bad("required must be an array")
        elif not all(isinstance(name, str) for name in required):
            bad("items in required array must be strings")
        else:
            if ultra and len(set(required)) < len(required):
                bad("duplicate items in required array")
            if ultra and required and (node.get("type") not in ("object", ["object"]) or properties is None):
                bad("required keyword must be used with object and properties")
            for name in required:
                if name not in (properties or {}):
                    bad(f"required property '{name}' is not defined in properties")
    if "additionalProperties" in node:
        extra = node["additionalProperties"]
        if not isinstance(extra, dict | bool):
            bad("additionalProperties must be a boolean or an object")
        elif isinstance(extra, dict):
            check(extra, f"{path}.additionalProperties".lstrip("."), level, root, faults)


def check_enum(node, kinds, bad):
    if "enum" not in node:
        return
    values = node["enum"]
    if not isinstance(values, list):
        bad("enum must be an array")
        return
    if not values:
        bad("enum array cannot be empty")
    if len(values) > 1_000:
        bad("enum array cannot have more than 1000 items")
    if not kinds:
        bad("type is not defined")
        return
    if len(kinds) > 2 or (len(kinds) == 2 and "null" not in kinds):
        bad("when type is array and enum is specified, currently only 2 types are supported")
    if len(kinds) == 2 and {"object", "array"} & set(kinds):
        bad("object and array cannot be used in combination with multiple types")
    for value in values:
        for kind in kinds:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if kind in ("number", "integer") and not is_number:
                bad(f"not a valid {kind}")
                break
            if kind == "integer" and value != int(value):
                bad("not a valid integer")
                break
            if is_json_type(value, kind):
                break
        else:
            bad(f"enum value ({value}) does not match any type in {kinds}")


def depth(node, root, seen):
    deepest = 0
    if "$ref" in node and node["$ref"] not in seen:
        deepest = depth(target_of(node["$ref"], root), root, (*seen, node["$ref"]))
    for sub in (node.get("properties") or {}).values():
        deepest = max(deepest, 1 + depth(sub, root, seen))
    inner = [*(node.get("anyOf") or []), node.get("items"), node.get("additionalProperties")]
    return max([deepest, *(depth(sub, root, seen) for sub in inner if isinstance(sub, dict))])


def ends(node, root, seen):
    """Whether the checker believes that a value of `node` can end."""
    kind = node.get("type")
    if isinstance(kind, list) or (isinstance(kind, str) and kind not in ("object", "array")):
        return True
    if kind == "array":
        return not node.get("items") or ends(node["items"], root, seen)
    if kind == "object":
        if not node.get("required"):
            return True
        return any(ends(node["properties"][name], root, seen) for name in node["required"])
    if "anyOf" in node:
        return any(ends(branch, root, seen) for branch in node["anyOf"])
    if "$ref" in node:
        ref = node["$ref"]
        return ref not in seen and ends(target_of(ref, root), root, seen | {ref})
    return not node.keys() - WORDS


def encoder(schema):
    """Nodes that the prompt encoder cannot print; each of them makes it fall back to raw JSON for all tools."""
    faults = []
    for path, node in walk(schema, ""):
        if not path:
            continue
        if not {"$ref", "anyOf", "enum", "type"} & node.keys() and node:
            faults.append(f"{path}: Invalid JSON Schema object")
        if "$ref" in node and node["$ref"] != "#":
            name = node["$ref"].split("/")[-1]
            if name not in schema.get("$defs", {}) or not re.fullmatch(r"\w+", name, re.ASCII):
                faults.append(f"{path}: Reference not found")
        if node.get("type") == "integer" and not all(isinstance(v, int) for v in node.get("enum", [])):
            faults.append(f"{path}: Enum value is not an integer")
        for branch in node.get("anyOf", []):
            if "description" in branch:
                faults.append(f"{path}: the description of a branch is not shown")
        extra = node.get("additionalProperties")
        if isinstance(extra, dict) and "description" in extra:
            faults.append(f"{path}: the description of additionalProperties is not shown")
    return faults


def all_filters(schema):
    """Problems of any kind; none means: accepted, kept whole, and shown to the model."""
    return [
        *gateway(schema),
        *(f"strict {text}" for text in problems(schema, "strict")),
        *(f"ultra {text}" for text in problems(schema, "ultra")),
        *(f"encoder {text}" for text in encoder(schema)),
    ]


# --- plain JSON Schema, as far as the tests need it ---


def is_json_type(value, kind):
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    types = {"null": type(None), "boolean": bool, "object": dict, "array": list, "string": str}
    return isinstance(value, types[kind])


def same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or (
        one == other and isinstance(one, bool) == isinstance(other, bool)
    )


def valid(schema, value, root=None):
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    kind = schema.get("type")
    if kind is not None and not any(is_json_type(value, k) for k in ([kind] if isinstance(kind, str) else kind)):
        return bool(schema.get("nullable") and value is None)
    if "$ref" in schema and not valid(target_of(schema["$ref"], root), value, root):
        return False
    if "enum" in schema and not any(same(value, v) for v in schema["enum"]):
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if not all(valid(part, value, root) for part in schema.get("allOf", [])):
        return False
    if "anyOf" in schema and not any(valid(part, value, root) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(valid(part, value, root) for part in schema["oneOf"]) != 1:
        return False
    if "not" in schema and valid(schema["not"], value, root):
        return False
    if isinstance(value, str):
        return (
            schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
            and re.search(schema.get("pattern", ""), value) is not None
        )
    if isinstance(value, dict):
        return valid_object(schema, value, root)
    if isinstance(value, list):
        return valid_array(schema, value, root)
    if is_json_type(value, "number"):
        return (
            schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
            and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
            and ("multipleOf" not in schema or value % schema["multipleOf"] == 0)
        )
    return True


def valid_object(schema, value, root):
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    if any(name not in value for name in schema.get("required", [])):
        return False
    for name, part in value.items():
        rules = [properties[name]] if name in properties else []
        rules += [sub for pattern, sub in patterns.items() if re.search(pattern, name)]
        if not rules:
            rules = [schema.get("additionalProperties", True)]
        if not all(valid(rule, part, root) for rule in rules):
            return False
    return schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf)


def valid_array(schema, value, root):
    items = schema.get("items", True)
    first = schema.get("prefixItems", [])
    if isinstance(items, list):
        first, items = items, schema.get("additionalItems", True)
    rules = [*first, *[items] * (len(value) - len(first))]
    if not all(valid(rule, part, root) for rule, part in zip(rules, value, strict=False)):
        return False
    if schema.get("uniqueItems") and any(same(a, b) for i, a in enumerate(value) for b in value[:i]):
        return False
    return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf)
