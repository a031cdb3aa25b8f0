"""Any JSON Schema -> Moonshot Flavored JSON Schema, the dialect that Kimi takes for tools and structured output.

One foreign keyword in one tool costs the whole request a 400 (`tools.function.parameters is not a valid moonshot
flavored json schema`), and what passes the check may still be cut out of the constrained decoding or be invisible to
the model. So everything is brought into the form that all of Moonshot's own tools keep unchanged:
https://github.com/MoonshotAI/walle, `docs/mfjs-spec.md`, level `ultra`; the gateway's `"type": "object"` at the root;
and the shapes that the K2.x prompt encoder can print.

What happens to a schema:

* references are written out; recursive ones, and large ones used twice, stay under `$defs` at the root;
* `allOf` is merged, `oneOf` becomes `anyOf`, what stands beside `anyOf` or `$ref` moves inside;
* `const` becomes an `enum` of one, an `enum` gets its type, type lists and `nullable` become `anyOf`;
* what the dialect cannot say (pattern, format, open bounds, multipleOf, tuples, dependencies, not, if, ...) becomes a
  sentence in `description`, and so do defaults that are no plain scalars;
* titles go, unless one is the only description and says more than the name.

The result is never narrower than the original, with exceptions that people mean: a schema without a type gets the type
that its keywords speak of; of a union at the root only the objects are kept, as one object, in which a property that
only one branch declares keeps that branch's schema.

The root of the result is always an object. A schema of another value is wrapped as `{"root": ...}`; `unwrap` takes the
value out again. The root's own description is not shown to K2.x models: `normalize_tool` repeats it where they see it.

Pure functions: nothing here mutates its argument or depends on anything but it.
"""

from __future__ import annotations

from kimi_api.mfjs._document import changes, normalize_schema, unwrap
from kimi_api.mfjs._tools import NormalizedCache, normalize_tool

__all__ = ["NormalizedCache", "changes", "normalize_schema", "normalize_tool", "unwrap"]
