"""docs/providers.md is what the tables say."""

from __future__ import annotations

from outlay import plugins
from outlay.providers import known
from outlay.records import INPUT_CLASSES, OUTPUT_CLASSES
from tests.conformance.priced_how import classes, table
from tests.conformance.providers_page import PAGE, page

PER_USE = {
    "annotations", "audio_seconds", "characters", "citation", "classifications", "code_execution", "containers",
    "file_search",
    "images", "input_pixels", "pages", "rerank", "run_seconds", "search_sources", "social_search", "video_seconds",
    "web_search",
}  # fmt: skip


def test_the_page_is_current() -> None:
    """``python -m tests.conformance.providers_page > docs/providers.md`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_a_class_stands_where_pricing_it_ends() -> None:
    """By the token, by another unit, by what the provider says, or by nothing but a price book."""
    rows = {
        (name, cells[1].strip("`")): cells[2:]
        for line in table().splitlines()
        for cells in [[cell.strip() for cell in line.strip("|").split(" |")]]
        for name in cells[0].replace("`", "").split(", ")
    }
    assert {name for name, _ in rows} == {provider.name for provider in plugins.providers()}
    assert rows["openai", "openai.speech"] == ["input, output_audio", "characters (1,000,000)", "", ""]
    assert rows["ollama", "ollama.chat"] == ["", "", "", "input, output"]
    assert rows["mistral_ai", "mistral.ocr"] == ["", "pages (1,000)", "", "annotations"]
    assert rows["litellm", "openai.chat"][2].endswith("header `x-litellm-response-cost`")
    assert "requests (1,000)" in rows["perplexity", "openai.chat"][1]
    assert rows["x_ai", "openai.responses"][2] == "`cost_in_usd_ticks`"


def test_every_provider_is_known_by_one_name() -> None:
    """The name of a row is canonical: reports, price books and ``outlay.record`` take the others."""
    assert [provider.name for provider in plugins.providers() if not known(provider.name)] == []


def test_every_class_of_a_format_is_one_that_reports_know() -> None:
    """A typing error in a table would make a class that nothing ever prices."""
    told = {name for api in plugins.apis() for name in classes(api)}
    assert told - {*INPUT_CLASSES, *OUTPUT_CLASSES} - PER_USE == set()
