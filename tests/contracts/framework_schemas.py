"""Records the JSON Schemas of packs and crosswalks: `python -m tests.contracts.framework_schemas`."""

from shared.framework.crosswalk import Crosswalk
from shared.framework.documents import SCHEMAS, PackDocument, schema_of

if __name__ == "__main__":
    for model in (PackDocument, Crosswalk):
        (SCHEMAS / f"{model.kind}.schema.json").write_text(schema_of(model), encoding="utf-8")
