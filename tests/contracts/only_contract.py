"""A kind of import-linter contract: these modules may import this, and nothing else (pyproject.toml, type `only`).

import-linter's own kinds name what is forbidden; for a pure core it is safer to name what is allowed.
"""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules


class OnlyContract(Contract):
    """`modules` (with all below them) may directly import themselves and `may_import` (with all below), only that."""

    modules = fields.ListField(subfield=fields.ModuleExpressionField())
    may_import = fields.ListField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """The imports that neither stay inside their own package nor are allowed."""
        allowed = {module.name for module in module_expressions_to_modules(graph, self.may_import)}  # type: ignore[arg-type]
        found = [
            (importer, imported)
            for package in module_expressions_to_modules(graph, self.modules)  # type: ignore[arg-type]
            for importer in sorted({package.name, *graph.find_descendants(package.name)})
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not any(_within(imported, place) for place in {package.name, *allowed})
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import that is not allowed."""
        for importer, imported in check.metadata["found"]:
            output.print_error(f"- {importer} -> {imported}", bold=False)


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
