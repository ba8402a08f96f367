"""Each kind of channel, over the wire: what arrives, what is said where it does not, and that no secret is."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from outlay.alerts import webhook
from outlay.alerts.channel import Undelivered, opened
from outlay.alerts.message import Message
from outlay.config.channels import Address, Secret
from outlay.errors import MissingExtra
from tests.alerts.receivers import Answer, Post, Web
from tests.alerts.samples import NOON, SECRET, alert

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise imports it

MESSAGE = Message("m-1", (alert(key="k", severity="critical"),))
TWO = Message("m-2", (alert(title="first", severity="info"), alert(title="second", severity="critical")))


def send(url: str, message: Message = MESSAGE, secret: str = SECRET) -> None:
    """Send by the channel of a URL."""
    opened(Address(url), Secret(secret)).send(message)


def test_a_webhook_is_signed_so_that_a_library_of_its_receiver_can_tell(web: Web) -> None:
    """Standard Webhooks: the library of that name verifies it, and refuses what was changed."""
    send(f"webhook+http://{web.host}/hook?x=1")
    (request,) = web.requests
    assert request.path == "/hook?x=1"
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == "m-1"
    assert request.headers["content-type"] == "application/json"
    body = Verifier(SECRET).verify(request.body, request.headers)
    assert body["type"] == "outlay.alerts"
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(request.body.replace(b"160", b"161"), request.headers)


def test_what_a_webhook_gets_is_exact(web: Web) -> None:
    """Amounts are decimal strings in USD, times are ISO 8601 in UTC."""
    send(f"webhook+http://{web.host}/")
    (one,) = json.loads(web.requests[0].body)["data"]["alerts"]
    assert (one["amount_usd"], one["limit_usd"]) == ("160", "200")
    assert (one["at"], one["since"]) == ("2025-11-22T12:00:00+00:00", "2025-11-21T12:00:00+00:00")
    assert one["drivers"][2] == {"dimension": "user", "value": "u-17", "amount_usd": "32"}
    assert one.keys() >= {"key", "kind", "severity", "project", "subject", "title", "text", "advice"}


def test_a_secret_may_be_any_text(web: Web) -> None:
    """One that does not follow the standard's form is the key as it is."""
    import base64
    import hashlib
    import hmac

    send(f"webhook+http://{web.host}/", secret="correct horse")
    (request,) = web.requests
    signed = f"m-1.{request.headers['webhook-timestamp']}.".encode() + request.body
    proof = base64.b64encode(hmac.new(b"correct horse", signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{proof}"


def test_a_webhook_may_have_a_user_and_a_password(web: Web) -> None:
    """As many receivers behind a proxy ask for."""
    send(f"webhook+http://who:p%40ss@{web.host}/a@b")
    (request,) = web.requests
    assert request.path == "/a@b"
    assert request.headers["authorization"] == "Basic d2hvOnBAc3M="


def test_a_redirect_is_not_followed(web: Web) -> None:
    """It would take the message somewhere that nobody has named."""
    web.answers = [Answer(307, {"Location": f"http://{web.host}/elsewhere"})]
    with pytest.raises(Undelivered, match="HTTP 307"):
        send(f"webhook+http://{web.host}/")
    assert len(web.requests) == 1


@contextlib.contextmanager
def talker(*said: bytes) -> Iterator[str]:
    """Yield the address of a server that says the same to everybody, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def talk() -> None:
            with contextlib.suppress(OSError):
                while True:
                    there, _ = server.accept()
                    with there:
                        there.recv(65536)
                        for part in said:
                            there.sendall(part)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 "])
def test_whoever_speaks_no_http_has_not_taken_it(said: bytes) -> None:
    """The reason is a word of the system's, or of Python's."""
    with talker(said) as host, pytest.raises(Undelivered) as caught:
        send(f"webhook+http://{host}/secret-path")
    assert "secret" not in caught.value.reason
    assert caught.value.reason


def test_a_receiver_that_says_nothing_has_not_taken_it(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for longer than ten seconds; here, less."""
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    web.answers = [Answer(after=1)]
    with pytest.raises(Undelivered, match=r"no answer within 0.2 s"):
        send(f"webhook+http://{web.host}/")


def test_mail_is_written_in_html_and_plain(post: tuple[Post, str]) -> None:
    """By apprise, over SMTP; what matters stands in it."""
    box, host = post
    send(f"mailto://{host}?from=outlay@shop.example&to=oncall@shop.example")
    (mail,) = box.mails
    assert "month: $160.00 of $200.00 spent (80 %)" in str(mail["Subject"])
    page = mail.get_body(("html",)).get_content()  # type: ignore[attr-defined]  # of the policy that it was read with
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[attr-defined]  # as above
    for part in ("$160.00 of $200.00 (80 %), since 2025-11-21 12:00 UTC.", "u-17: $32.00 (20 %)", "What to do:"):
        assert part in page.replace("<b>", "").replace("</b>", "").replace("=\n", "")
        assert part in plain


def test_mail_that_is_refused_has_not_arrived(post: tuple[Post, str], caplog: pytest.LogCaptureFixture) -> None:
    """Why stands in the reason, and not in the application's log."""
    box, host = post
    box.refuse = True
    with pytest.raises(Undelivered) as caught:
        send(f"mailto://{host}?from=outlay@shop.example&to=oncall@shop.example")
    assert "451" in caught.value.reason or "mail" in caught.value.reason.lower()
    assert caplog.records == []


def test_services_of_apprise_get_what_they_ask_for(web: Web) -> None:
    """A JSON receiver of apprise's gets the text; Mattermost, which is Slack's hook on a host of one's own, too."""
    send(f"json://{web.host}/hook", TWO)
    send(f"mmost://{web.host}/3ccdd113474722377935511fc85d3dd4", TWO)
    body = json.loads(web.requests[0].body)
    assert body["title"] == "2 alerts; shop: second"
    assert body["type"] == "failure"
    assert "[info] shop: first" in body["message"]
    assert "[critical] shop: second" in json.loads(web.requests[1].body)["text"]


@pytest.mark.parametrize("status", [429, 500])
def test_a_service_that_refuses_has_not_taken_it(web: Web, status: int) -> None:
    """Apprise's word for it is the reason."""
    web.answers = [Answer(status)] * 3
    with pytest.raises(Undelivered, match=str(status)):
        send(f"json://{web.host}/hook")


SECRETS = {
    "mailto": "mailto://postmaster:pa55word!@mail.example:1/?to=someone@else.example",
    "json": "json://who:pa55word@127.0.0.1:1/secretpath?+X-Token=tokentoken",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23secretchannel",
    "nonsense": "nonsense://very/secret/tokentoken",
    "webhook+http": "webhook+http://who:pa55word@127.0.0.1:1/secretpath?token=tokentoken",
}
HIDDEN = ("pa55word", "tokentoken", "secretpath", "secretchannel", "TIiajkdnlazkcOXrIdevi7FQ", "T1JJ3T3L2", "someone")


@pytest.mark.parametrize("url", SECRETS.values(), ids=SECRETS)
def test_no_part_of_a_url_shows(url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in what the channel is called, not in its reasons, not in anybody's log at any level."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")  # nothing leaves this machine
    caplog.set_level(logging.DEBUG)
    address = Address(url)
    with pytest.raises(Undelivered) as caught:
        opened(address, Secret(SECRET)).send(MESSAGE)
    shown = [address.name, repr(address), str(address), address.redact(caught.value.reason), caught.value.reason]
    shown += [record.getMessage() for record in caplog.records]
    assert [part for part in HIDDEN for text in shown if part in text] == []


def test_the_log_is_a_channel(caplog: pytest.LogCaptureFixture) -> None:
    """A record for each alert, on one line, at its level; the record has the alert itself."""
    caplog.set_level(logging.INFO, "outlay.alerts")
    send("log://", TWO)
    first, second = caplog.records
    assert (first.levelname, second.levelname) == ("INFO", "CRITICAL")
    assert first.__dict__["alert"] is TWO.alerts[0]
    assert "\n" not in second.getMessage()
    assert "What to do: See `outlay report --by feature`." in second.getMessage()


def test_standard_error_is_a_channel(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that somebody watches."""
    send("stderr://")
    assert capsys.readouterr().err.startswith("outlay: shop: month: $160.00 of $200.00 spent (80 %)\n")


def test_apprise_is_loaded_with_the_first_message_and_not_before(tmp_path: Path) -> None:
    """Nor by init(), nor by importing outlay."""
    script = (
        "import sys, outlay; outlay.init(alert_channels=['json://127.0.0.1:1/x'], instrument=False); "
        "outlay.record(provider='openai', model='gpt-4o', input_tokens=1); outlay.flush(); outlay.uninstrument(); "
        "print('apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_without_apprise_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was taken away after the start, too."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtra, match=r"pip install 'outlay\[alerts\]'"):
        send("json://127.0.0.1:1/x")


def test_what_end_users_choose_is_no_markup() -> None:
    """A user's name can't mention everybody, nor break a message's form."""
    name = "<!channel> @everyone `x` **b** <b>\n\x1b[31m" + "z" * 500
    driver = msgspec.structs.replace(MESSAGE.alerts[0].drivers[0], value=name)
    evil = Message("m", (alert(title=name, drivers=(driver,)),))
    marks = ("<!", "@everyone", "**b**", "\x1b")
    assert [mark for mark in marks for text in (evil.markdown, evil.title) if mark in text] == []
    assert "<!channel>" not in evil.html
    assert "&lt;!channel&gt;" in evil.html
    assert max(map(len, evil.text.splitlines())) < 300


def test_a_message_says_what_matters() -> None:
    """What, how much, since when, who drives it, and what to do."""
    assert MESSAGE.title == "shop: month: $160.00 of $200.00 spent (80 %)"
    assert MESSAGE.text.splitlines() == [
        "At this pace it is used up on Thursday.",
        "$160.00 of $200.00 (80 %), since 2025-11-21 12:00 UTC.",
        "Driven by:",
        "  feature answer: $120.00 (75 %)",
        "  model gpt-4o: $100.00 (62 %)",
        "  user u-17: $32.00 (20 %)",
        "What to do: See `outlay report --by feature`.",
    ]


def test_of_many_alerts_the_first_are_written_out(web: Web) -> None:
    """A storm stays readable; a webhook gets all of them."""
    many = Message("m", tuple(alert(title=f"number {number}") for number in range(30)), "Europe/Berlin")
    assert many.title == "30 alerts; shop: number 0"
    assert many.text.count("Driven by:") == 5
    assert "And 25 more (see outlay alerts):" in many.text
    assert "number 29" in many.text
    assert "2025-11-21 13:00 CET" in many.text
    send(f"webhook+http://{web.host}/", many)
    assert len(json.loads(web.requests[0].body)["data"]["alerts"]) == 30


def test_small_amounts_keep_their_digits() -> None:
    """A run's limit may be fractions of a cent."""
    small = Message("m", (alert(amount=12_345_678, limit=50_000_000, drivers=(), since=None, text="", advice=""),))
    assert small.text == "$0.00001235 of $0.00005000 (25 %), at 2025-11-22 12:00 UTC."
    nothing: dict[str, Any] = {"amount": None, "limit": None, "drivers": (), "text": "", "advice": ""}
    assert Message("m", (alert(**nothing, at=NOON),)).text == "Since 2025-11-21 12:00 UTC."
