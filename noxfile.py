"""Every task of the project; ``nox --list`` shows them, plain ``nox`` runs the checks of a change."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests", "package"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"

PYPROJECT = nox.project.load_toml("pyproject.toml")
LIBRARIES = (
    "datatables.net@3.1.5", "@observablehq/plot@0.6.17", "d3@7.9.2", "@dagrejs/dagre@3.1.3", "esbuild@0.28.2",
)  # fmt: skip
TREES = PYPROJECT["tool"]["setuptools"]["package-dir"]  # import name to folder


def install(session: nox.Session, *extras: str) -> None:
    """Install the package from this tree, editable: a wheel would keep modules that the tree has lost."""
    session.install("-c", "constraints.txt", "-e", f".[{','.join(extras)}]")


def tool(name: str) -> str:
    """A development tool as pyproject.toml requires it."""
    requirements = PYPROJECT["project"]["optional-dependencies"]["dev"]
    return next(line for line in requirements if line.partition(">=")[0] == name)


@nox.session
def verify(session: nox.Session) -> None:
    """Run the whole catalogue and write the report; succeeds when our own engine has no failure.

    Other backends are shown, not required: at a delicate point they may be wrong.
    """
    install(session, "frameworks", "reports")
    out = Path("gradcheck-runs", "verify")
    session.run("gradcheck", "run", "--out", str(out), "--fail-on", "engine", *session.posargs)
    session.log(f"open {(out / 'report.html').resolve()}")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest."""
    install(session, "frameworks", "numba", "reports", "dev")
    session.run("pytest", "-n", "auto", "--ignore", "tests/benchmarks", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-c", "constraints.txt", tool("ruff"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, by folder: the installed names differ from the folders'."""
    install(session, "torch", "reports", "dev")
    session.run("mypy", "--strict", *TREES.values())


@nox.session(reuse_venv=False)  # pip would keep an installed wheel of the same version
def package(session: nox.Session) -> None:
    """Build the distributions, look into the wheel, and use it from another folder."""
    session.install("-c", "constraints.txt", tool("build"), tool("check-wheel-contents"))
    elsewhere = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--outdir", str(elsewhere), silent=True)
    version = PYPROJECT["project"]["version"]
    (wheel,) = elsewhere.glob(f"*-{version}-*.whl")
    session.run("check-wheel-contents", "--toplevel", ",".join(TREES), str(wheel))
    session.install(str(wheel))
    with session.chdir(elsewhere):
        session.run("gradcheck", "list", silent=True)
        session.install(f"{wheel}[reports]")
        session.run("gradcheck", "run", "chain_rule", "--backend", "engine", "--out", str(elsewhere / "run"))


@nox.session
def docs(session: nox.Session) -> None:
    """Draw the pictures of the documentation and build it into ``site``; a broken link is a failure."""
    install(session, "docs")
    for drawing in sorted(Path("docs", "pictures").glob("*.py")):
        session.run("python", str(drawing))
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session(python=False)
def vendor(session: nox.Session) -> None:
    """Make the report's JavaScript libraries anew, at the versions named here; needs npm."""
    made = Path(session.create_tmp()).resolve()
    kept = Path("reports", "assets", "vendor").resolve()
    with session.chdir(made):
        session.run("npm", "install", "--no-save", "--ignore-scripts", *LIBRARIES, external=True)
        for file, name in (("plot", "Plot"), ("dagre", "dagre")):
            shutil.copy(kept / f"{file}.entry.js", made)
            session.run(
                "npx", "esbuild", f"{file}.entry.js", "--bundle", "--minify", "--format=iife",
                f"--global-name={name}", "--legal-comments=none", f"--outfile={kept / file}.js",
                external=True,
            )  # fmt: skip
        shutil.copy(made / "node_modules/datatables.net/js/dataTables.min.js", kept / "datatables.js")
        for package, name in (
            ("datatables.net/License.txt", "datatables"),
            ("@observablehq/plot/LICENSE", "plot"),
            ("d3/LICENSE", "d3"),
            ("@dagrejs/dagre/LICENSE", "dagre"),
        ):
            shutil.copy(made / "node_modules" / package, kept / f"{name}.LICENSE.txt")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the harness itself; arguments choose by keyword: ``nox -s bench -- import``."""
    install(session, "frameworks", "numba", "reports", "dev")
    keywords = ["-k", " or ".join(session.posargs)] if session.posargs else []
    session.run("pytest", "tests/benchmarks", "--benchmark-only", *keywords)
