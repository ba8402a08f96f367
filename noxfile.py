"""Every proof that outlay has, one command each: `nox --list`, then `nox -s NAME`.

`.ci/run` calls some of them with `--no-venv`, in an environment that has the `dev` extra already.
"""

from __future__ import annotations

import nox
from nox.command import CommandFailed

nox.options.sessions = ["lint", "typing", "tests"]
nox.options.error_on_missing_interpreters = True  # a Python that is not here is said, not skipped

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

OLDEST = ("openai==1.66.0", "anthropic==0.40.0", "httpx==0.28.0")
"""The oldest clients that outlay promises to meter; the floors of the `demo` and `dev` extras."""


def need(session: nox.Session, *requirements: str) -> None:
    """Install into the session's own environment; leave one that is not ours as it is."""
    if session.virtualenv.is_sandboxed:
        session.install(*requirements)


def check(session: nox.Session, *commands: str) -> None:
    """Run every command, also after one that failed, and fail if any did."""
    failed = []
    for command in commands:
        try:
            session.run(*command.split())
        except CommandFailed:
            failed.append(command)
    if failed:
        session.error("failed: " + ", ".join(failed))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the core suite on each Python: `nox -s tests-3.13` for one of them."""
    need(session, "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the proofs marked slow, and those marked long too: kills at random points, fuzzing, installs."""
    need(session, "-e", ".[dev]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(name="clients-oldest")
def clients_oldest(session: nox.Session) -> None:
    """Run the core suite with the oldest clients that are supported."""
    need(session, "-e", ".[dev]", *OLDEST)
    session.run("pytest", *session.posargs)


@nox.session(name="clients-latest")
def clients_latest(session: nox.Session) -> None:
    """Run the core suite with the newest clients, pre-releases too."""
    need(session, "-e", ".[dev]")
    need(session, "--upgrade", "--pre", "openai", "anthropic", "httpx2")
    session.run("pytest", *session.posargs)


FRAMEWORKS = {
    "litellm": ("litellm",),
    "langchain": ("langchain-openai",),
    "pydantic_ai": ("pydantic-ai-slim[openai]",),
    "openai_agents": ("openai-agents",),
    "instructor": ("instructor",),
    "watsonx": ("ibm-watsonx-ai",),
    "aiobotocore": ("aiobotocore",),
}
"""Frameworks and SDKs whose versions exclude each other → what is installed for each."""


@nox.session
@nox.parametrize("framework", list(FRAMEWORKS))
def frameworks(session: nox.Session, framework: str) -> None:
    """Call through a framework or SDK in an environment of its own: records as billed, nothing sent when refused."""
    need(session, "-e", ".", *FRAMEWORKS[framework])
    session.run("python", "-m", "tests.conformance.frameworks", framework)
    if framework in ("litellm", "langchain", "openai_agents"):
        session.run("python", "-m", "tests.budgets.frameworks", framework)


@nox.session
def vertex(session: nox.Session) -> None:
    """Call by Vertex AI's prediction client, which wants another google-genai than the suite: one record an RPC."""
    need(session, "-e", ".", "google-cloud-aiplatform>=1.150", "pydantic")
    session.run("python", "-m", "tests.conformance.vertex")


@nox.session
def neighbours(session: nox.Session) -> None:
    """Patch the clients with ddtrace, or OpenTelemetry, before and after outlay: each request is one record."""
    # OpenTelemetry's instrumentors pin each other, and are not all published at once: aiohttp's is left out of `dev`.
    need(session, "-e", ".", "ddtrace", "httpx", "requests", "aiohttp", *(
        f"opentelemetry-instrumentation-{client}" for client in ("httpx", "requests", "aiohttp-client")
    ))  # fmt: skip
    session.run("python", "-m", "tests.wire.neighbours", "ddtrace")
    session.run("python", "-m", "tests.wire.neighbours", "opentelemetry")


@nox.session
def mlflow(session: nox.Session) -> None:
    """Deliver to a real MLflow server, through outages, and read traces and run metrics back by its own client."""
    need(session, "-e", ".[mlflow,demo]", "mlflow>=3.15")
    session.run("python", "-m", "tests.exporters.mlflow_server", *session.posargs)


WEAVE = (
    "weave[trace-server]==0.53.0",  # its wheel has the trace server
    *("azure-identity", "clickhouse-connect", "confluent-kafka", "numpy", "sqlparse"),  # that imports more than it says
)


@nox.session
def weave(session: nox.Session) -> None:
    """Deliver to the trace server in memory that weave ships, through outages, and read calls and costs back."""
    need(session, "-e", ".[weave,demo]", *WEAVE)
    # One of weave's dependencies installs a package `tests`, which would stand in front of ours.
    start = "import tests; tests.__path__.insert(0, 'tests'); from tests.exporters.weave_server import main; main()"
    session.run("python", "-c", start, env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"})


@nox.session
def phoenix(session: nox.Session) -> None:
    """Deliver to a real Phoenix by OTLP over HTTP and gRPC, through outages, and read everything back."""
    need(session, "-e", ".[otlp,demo]", "arize-phoenix>=20")
    session.run("python", "-m", "tests.exporters.phoenix", *session.posargs)


@nox.session
@nox.parametrize("provider", ["logfire", "ddtrace"])
def pipelines(session: nox.Session, provider: str) -> None:
    """Be in the pipeline of an application that traces by Logfire or ddtrace: one tree, the ids of the ledger."""
    need(session, "-e", ".", provider, "httpx", "opentelemetry-sdk", "opentelemetry-instrumentation-httpx")
    session.run("python", "-m", "tests.exporters.pipelines", provider)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the core suite and print which lines and branches it never took."""
    need(session, "-e", ".[dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "--numprocesses=0", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered", "--show-missing")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types: mypy on all code, pyright on the public API as a user types it."""
    need(session, "-e", ".[dev]")
    check(session, "mypy", "pyright")


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules, format, spelling, import contracts and changelog fragments."""
    need(session, "-e", ".[dev]")
    fragments = "towncrier build --draft --version next"
    check(session, "ruff check", "ruff format --check", "codespell", "lint-imports", fragments)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every code block of README and docs, and check that they name every setting, command and column."""
    need(session, "-e", ".[dev]")
    session.run("pytest", "tests/house", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Meter a million calls and watch memory, files and threads: about ten minutes."""
    need(session, "-e", ".[dev]")
    session.run("python", "-m", "benchmarks.soak", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time outlay beside the bare client and its peers, in one run; docs/performance.md holds the figures."""
    need(session, "-e", ".[bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(name="bench-exporters")
def bench_exporters(session: nox.Session) -> None:
    """Time outlay beside each backend's own tracing, in environments that it makes, in turns."""
    need(session, "-e", ".[otlp,mlflow,langsmith,weave,demo]")
    session.run("python", "-m", "benchmarks.exporters", "beside", *session.posargs)
