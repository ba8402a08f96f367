"""Write docs/providers.md: who bills for which hosts, and which formats are read and how they are priced there.

Run it after a change of a table: ``python -m tests.conformance.providers_page > docs/providers.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from outlay import plugins
from outlay.integration import API, Provider
from outlay.pricing import Prices
from outlay.providers import ALIASES
from tests.conformance.priced_how import classes, table

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"

HEAD = """\
# Providers and formats

What the tables of outlay know; `python -m tests.conformance.providers_page > docs/providers.md` writes this page from
them, and a test holds it to them. [capture.md](capture.md) shows what is measured through the real SDKs.

## Providers

A host speaks any of the [formats](#formats) that are open to all, and those that name its provider. A host that is not
here is metered as well; `[hosts]` of the [configuration](configuration.md) says who bills for it.

- **priced**: models in the price table, beside the lists of others that hold there; *by a price book* where there are
  none. What a provider or a gateway says that it charged is the cost, whatever the table says.
- **asked**: whether a chat stream is asked for its usage where the caller did not.

| provider | other names | hosts | priced | asked |
|---|---|---|---:|---|
{providers}

## Priced how

Each provider with the formats that are its own, or that the tests speak to it; a host speaks the others that are open
to all as well. Each class stands where an attempt to price one of it ends, for that of the provider's models, and of
those sold there at others' list prices, that has a price for it on the day of the table; which model has which,
`outlay prices MODEL` says.

- **by the token**: by the table's prices per token; **by another unit**: by its prices for so many of these.
- **own charge**: where an answer may say what was charged; that is the cost then.
- **by a price book only**: no model of the provider has a price for it. Without a book the cost is `unknown`, or
  `partial` where other classes have one.

| provider | format | by the token | by another unit | own charge | by a price book only |
|---|---|---|---|---|---|
{priced}

## Formats

*paths*: how those of billed requests end, and of those that ask what became of one. *classes*: what an answer's usage
is divided into; they are disjoint and add up to the provider's totals. *charged*: where in the usage object the answer
says what was charged. A path with dots before its slash is an RPC.

| format | of | paths | classes | charged |
|---|---|---|---|---|
{formats}
"""


def page() -> str:
    """Return the page for the tables as they are."""
    prices = Prices.load()
    providers = "\n".join(_provider(provider, prices) for provider in sorted(plugins.providers(), key=_name))
    formats = "\n".join(_format(api) for api in sorted(plugins.apis(), key=lambda api: (api.name, api.paths)))
    return HEAD.format(providers=providers, priced=table(), formats=formats)


def _name(provider: Provider) -> str:
    return provider.name


def _provider(provider: Provider, prices: Prices) -> str:
    sold = prices.table.provider(provider.name)
    known = 0 if sold is None else len(sold.models)
    routed = f"as the provider that {_code([provider.served_by])} names" if provider.served_by else ""
    gateway = f"by {_code([provider.cost_header])}" if provider.cost_header else ""
    priced = routed or gateway or (str(known) if known else "by a price book")
    asked = "yes" if provider.ask_usage else "no"
    others = _code(ALIASES.get(provider.name, ()))
    terms = "".join(f", at the price of {key} `{value}`" for key, value in provider.terms.items())
    return f"| {_code([provider.name])} | {others} | {_code(provider.hosts)}{terms} | {priced} | {asked} |"


def _format(api: API) -> str:
    of = _code(api.providers) if api.providers else "all"
    paths = (*api.paths, *(f"GET {poll}" for poll in api.polls))
    charged = _code([api.answer.reported]) if api.answer.reported else ""
    sockets = ["by websocket: " + _code(api.session.paths)] if api.session else []
    told = "; ".join([*([_code(paths)] if paths else []), *sockets])
    return f"| {_code([api.name])} | {of} | {told} | {', '.join(classes(api))} | {charged} |"


def _code(names: Iterable[str | None]) -> str:
    return ", ".join(f"`{name}`" for name in names if name)


def main() -> None:
    """Print the page."""
    print(page(), end="")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
