"""What only the finished document shows: unused definitions, recursion that cannot end, and the limits.

See `kimi_api.mfjs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import overload

from kimi_api.errors import KimiInputError
from kimi_api.mfjs._refs import ALL_TYPES, Node

# The checker's own limits (github.com/MoonshotAI/walle, conf.go, since 2026-06-10; half to an eighth of that before).
MAX_DEPTH = 30
MAX_BYTES = 120_000
MAX_PROPERTIES = 3_000


def finish(root: Node, defs: dict[str, Node], notes: list[str]) -> Node:
    """Settle definitions and return one plain document.

    Raises:
        KimiInputError: a definition that no finite value can satisfy.
    """
    aliases = _aliases(defs)
    defs = {name: plain(body, aliases) for name, body in defs.items() if name not in aliases}
    root = plain(root, aliases)
    defs = {name: defs[name] for name in _reachable(root, defs)}
    for name in _endless(defs, strict=False):
        raise KimiInputError(
            f"definition {name!r}",
            defs[name],
            "this definition requires itself, so no value of it could ever be complete",
            "make the recursive property optional, or allow null",
        )
    for name in _endless(defs, strict=True):
        # "detected infinite recursion without termination condition": the checker does not see that [] ends a list.
        _loosen(defs[name], name)
        notes.append(
            f"$defs.{name}: required moved into the description, because the checker calls the recursion endless"
        )
    for name, body in defs.items():
        for node in _nodes(body):
            # "$defs property name 'x/y' cannot contain '/' character"
            slashed = [key for key in node.get("properties", ()) if "/" in key]
            if slashed:
                unlist(node, slashed)
                notes.append(f"$defs.{name}: properties {', '.join(slashed)} moved into the description")
    for body in [root, *defs.values()]:
        for node in _nodes(body):
            if calm_braces(node):
                notes.append("properties with braces in their name reduced to their types")
            ref = node.get("$ref")
            if ref and "description" in node and "description" in defs[ref[8:]]:
                # Both places may not have one: "conflicting keywords found after $ref expansion".
                node["anyOf"] = [{"$ref": node.pop("$ref")}]
    if defs:
        root["$defs"] = defs
    return root


@overload
def plain(node: Node, aliases: dict[str, str]) -> Node: ...


@overload
def plain(node: object, aliases: dict[str, str]) -> object: ...


def plain(node: object, aliases: dict[str, str]) -> object:
    """A deep copy in plain dicts, with renamed references."""
    if isinstance(node, dict):
        copy = {key: plain(value, aliases) for key, value in node.items()}
        ref = copy.get("$ref")
        if isinstance(ref, str) and ref[8:] in aliases:
            copy["$ref"] = f"#/$defs/{aliases[ref[8:]]}"
        return copy
    if isinstance(node, list):
        return [plain(value, aliases) for value in node]
    return node


def _aliases(defs: dict[str, Node]) -> dict[str, str]:
    """Definitions that are nothing but a reference to another one."""
    direct = {name: body["$ref"][8:] for name, body in defs.items() if "$ref" in body}
    aliases: dict[str, str] = {}
    for name in direct:
        target, seen = direct[name], {name}
        while target in direct:
            if target in seen:
                raise KimiInputError(
                    f"definition {name!r}",
                    defs[name],
                    "a definition must contain more than a reference to itself",
                    "describe the value in one of the definitions",
                )
            seen.add(target)
            target = direct[target]
        aliases[name] = target
    return aliases


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in list(node.get("properties", {}).values()):
        yield from _nodes(part)
    for part in node.get("anyOf", ()):
        yield from _nodes(part)
    for keyword in ("items", "additionalProperties"):
        if isinstance(node.get(keyword), dict):
            yield from _nodes(node[keyword])


def _reachable(root: Node, defs: dict[str, Node]) -> list[str]:
    names: dict[str, None] = {}
    queue = [root]
    for body in queue:
        for node in _nodes(body):
            name = node.get("$ref", "")[8:]
            if name and name not in names:
                names[name] = None
                queue.append(defs[name])
    return list(names)


def _endless(defs: dict[str, Node], *, strict: bool) -> list[str]:
    """Names of definitions without an end: truly (`strict=False`), or in the checker's eyes (`strict=True`)."""
    ends: set[str] = set()

    def can_end(node: Node) -> bool:
        if "$ref" in node:
            return node["$ref"][8:] in ends
        if "anyOf" in node:
            return any(can_end(branch) for branch in node["anyOf"])
        kind = node.get("type")
        if kind == "array":
            return ((not strict and not node.get("minItems")) or can_end(node.get("items", {}))) is True
        if kind == "object" and node.get("required"):
            required = [can_end(node["properties"][name]) for name in node["required"]]
            return any(required) if strict else all(required)
        return True

    waiting = dict(defs)
    moved = True
    while moved:
        done = [name for name, body in waiting.items() if can_end(body)]
        ends.update(done)
        moved = bool(done)
        for name in done:
            del waiting[name]
    return list(waiting)


def _loosen(body: Node, name: str) -> None:
    for node in [body, *body.get("anyOf", ())]:
        if node.get("required"):
            names = ", ".join(node.pop("required"))
            add_words(body, f"Always give: {names}.")
        elif node.get("type") == "array" and "items" in node:
            items = node.pop("items")
            same = items == {"$ref": f"#/$defs/{name}"}
            add_words(body, "Each item is again such a list." if same else f"Each item: {short(items)}.")


def unlist(node: Node, names: list[str]) -> None:
    """Take properties whose names the dialect refuses out of `node`, leave room for them, and name them in words."""
    required = node.get("required", [])
    for name in names:
        sub = node["properties"].pop(name)
        mark = " (required)" if name in required else ""
        add_words(node, f"Also takes {json.dumps(name, ensure_ascii=False)}{mark}: {short(sub)}.")
    still_required = [name for name in required if name not in names]
    if still_required:
        node["required"] = still_required
    else:
        node.pop("required", None)
    node.pop("additionalProperties", None)


def calm_braces(node: Node) -> bool:
    """Reduce what is below a property called `{x}` to its type: "invalid path: properties.{id}" otherwise."""
    changed = False
    for name, sub in node.get("properties", {}).items():
        if "{" in name and "}" in name and any({"enum", "anyOf", "$ref", "required"} & n.keys() for n in _nodes(sub)):
            branches = sub.get("anyOf", [sub])
            kinds = list(dict.fromkeys(branch.get("type") for branch in branches))
            kinds = [kind for kind in kinds if kind != "integer" or "number" not in kinds]
            if None in kinds:
                kinds = list(ALL_TYPES)  # behind a reference
            simple: Node = {"type": kinds[0] if len(kinds) == 1 else kinds}
            words = sub.pop("description", "")
            add_words(simple, words, "" if all(b.keys() == {"type"} for b in branches) else f"{short(sub)}.")
            node["properties"][name] = simple
            changed = True
    return changed


def add_words(node: Node, *parts: str) -> None:
    """Append sentences to a node's description."""
    words = sentences(node.get("description", ""), *parts)
    if words:
        node["description"] = words


def sentences(*parts: str) -> str:
    """One text out of several, each said once and each closed by punctuation."""
    text = ""
    seen: set[str] = set()
    for part in parts:
        part = part.strip()
        if not part or part in seen or (len(part) > 12 and part in text):
            continue
        seen.add(part)
        if text:
            text += " " if text[-1] in ".!?:;)…。！？" else ". "
        text += part
    return text


def short(value: object, most: int = 300) -> str:
    """Compact JSON, cut to `most` characters."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= most else f"{text[:most]}…"


# --- limits ------------------------------------------------------------------------------------------------------


def fit(root: Node, notes: list[str]) -> Node:
    """Cut what lies too deep, then long descriptions, until the document is within the checker's limits.

    Raises:
        KimiInputError: it is still too large without any description.
    """
    if _depth(root) > MAX_DEPTH:
        notes.append(f"root: what lies deeper than {MAX_DEPTH} levels of properties is no longer spelled out")
        root = _shallow(root)
    if _fits(root):
        return root
    for most in (400, 120, 0):
        notes.append(f"root: descriptions cut to {most} characters, because {MAX_BYTES:,} bytes is the limit")
        for body in [root, *root.get("$defs", {}).values()]:
            for node in _nodes(body):
                if len(node.get("description", "")) > most:
                    node["description"] = node["description"][:most]
                    if not most:
                        del node["description"]
        if _fits(root):
            return root
    raise KimiInputError(
        "root",
        root,
        f"a schema has at most {MAX_BYTES:,} bytes and {MAX_PROPERTIES:,} properties",
        "split the tool, or let it take parts of its input as JSON text",
    )


def _fits(root: Node) -> bool:
    bodies = [root, *root.get("$defs", {}).values()]
    if sum(len(node.get("properties", ())) for body in bodies for node in _nodes(body)) > MAX_PROPERTIES:
        return False
    text = json.dumps(root, ensure_ascii=False, separators=(",", ":"))
    # Go's encoder writes these five as six bytes each.
    escaped = sum(text.count(mark) for mark in "<>&\u2028\u2029")
    return len(text.encode("utf-8", "surrogatepass")) + 5 * escaped < MAX_BYTES


def _depth(root: Node) -> int:
    defs = root.get("$defs", {})
    known: dict[str, int] = {}

    def of(node: Node) -> int:
        deepest = 0
        name = node.get("$ref", "")[8:]
        if name:
            if name not in known:
                known[name] = 0
                known[name] = of(defs[name])
            deepest = known[name]
        if node.get("properties"):
            deepest = 1 + max(of(part) for part in node["properties"].values())
        for part in node.get("anyOf", ()):
            deepest = max(deepest, of(part))
        for keyword in ("items", "additionalProperties"):
            if isinstance(node.get(keyword), dict):
                deepest = max(deepest, of(node[keyword]))
        return deepest

    return of(root)


def _shallow(root: Node) -> Node:
    """Definitions that are far from the root go first, then properties that are."""
    distance: dict[str, int] = {}
    level, bodies = 0, [root]
    while bodies:
        level += 1
        names = [node["$ref"][8:] for body in bodies for node in _nodes(body) if "$ref" in node]
        fresh = list(dict.fromkeys(name for name in names if name not in distance))
        distance.update(dict.fromkeys(fresh, level))
        bodies = [root["$defs"][name] for name in fresh]
    for most in range(level - 2, 0, -1):
        far = {name for name in distance if distance[name] > most}
        defs = {name: body for name, body in root["$defs"].items() if name not in far}
        for body in [root, *defs.values()]:
            for node in _nodes(body):
                if node.get("$ref", "")[8:] in far:
                    name = node.pop("$ref")[8:]
                    node["type"] = list(ALL_TYPES)
                    add_words(node, f"A {name}.")
        root["$defs"] = defs
        if _depth(root) <= MAX_DEPTH:
            return root
    cut = MAX_DEPTH
    while _depth(root) > MAX_DEPTH:
        root = _cut(root, cut)
        cut -= 5
    return root


def _cut(root: Node, levels: int) -> Node:
    """`root` with at most `levels` of properties, its definitions with half as many (they add up)."""

    def of(node: Node, left: int) -> Node:
        copy = dict(node)
        if "properties" in copy:
            if left <= 0:
                names = ", ".join(copy["properties"])
                for keyword in ("properties", "required", "additionalProperties"):
                    copy.pop(keyword, None)
                add_words(copy, f"Properties: {names[:200]}.")
            else:
                copy["properties"] = {name: of(part, left - 1) for name, part in copy["properties"].items()}
        for keyword in ("items", "additionalProperties"):
            if isinstance(copy.get(keyword), dict):
                copy[keyword] = of(copy[keyword], left)
        if "anyOf" in copy:
            copy["anyOf"] = [of(part, left) for part in copy["anyOf"]]
        return copy

    defs = root.get("$defs")
    root = of({key: value for key, value in root.items() if key != "$defs"}, levels)
    if defs:
        defs = {name: of(body, levels // 2) for name, body in defs.items()}
        used = _reachable(root, defs)
        if used:
            root["$defs"] = {name: defs[name] for name in used}
    return root
