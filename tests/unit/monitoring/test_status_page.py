"""The page carries its data whole, and nothing in them becomes markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.problem import Problem, ProblemKind
from condorloop.monitoring import status_page
from condorloop.monitoring.status_file import to_json
from condorloop.text import plain
from tests.unit.examples import campaign_status, loop_status


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.raw, self._inside = [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw.append((self._inside, data))


def with_text(text):
    problem = Problem(ProblemKind.FAILED, text, text, text)
    return loop_status(
        campaign_status(calibration=text, reason=text), site=text, problems=(problem,)
    )


HARMLESS = Elements(status_page.render(with_text("harmless")))


@given(
    st.text() | st.sampled_from(["</script>", "<!--<script>", "]]>", "\u2028", "\ud800", "&lt;"])
)
def test_whatever_a_text_is_the_page_has_the_same_elements_and_the_text(text):
    found = Elements(status_page.render(with_text(text)))
    assert found.tags == HARMLESS.tags
    [style, data, script] = found.raw
    assert [style, script] == [HARMLESS.raw[0], HARMLESS.raw[2]]
    assert json.loads(data[1])["site"] == plain(text)


def test_the_data_are_those_of_status_json():
    status = loop_status(campaign_status())
    [_, data, _] = Elements(status_page.render(status)).raw
    assert json.loads(data[1]) == to_json(status)


def test_only_the_script_and_the_style_of_the_page_may_do_anything():
    [rules] = [a["content"] for t, a in HARMLESS.tags if t == "meta" and "http-equiv" in a]
    allowed = dict(rule.split(" ", 1) for rule in rules.split("; "))
    digests = {
        kind: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for kind, text in (HARMLESS.raw[0], HARMLESS.raw[2])
    }
    assert allowed == {
        "default-src": "'none'",
        "script-src": digests["script"],
        "style-src": digests["style"],
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_script_never_makes_markup_or_code_of_text():
    [_, _, (_, script)] = HARMLESS.raw
    words = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(|\.href\b.*=[^=]"
    )
    assert not re.search(words, script)


def test_nothing_of_other_hosts_is_named():
    text = status_page.render(with_text("harmless"))
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_page_is_written_whole_into_the_work_dir(tmp_path):
    status = loop_status(campaign_status())
    status_page.write(tmp_path, status)
    assert [p.name for p in tmp_path.iterdir()] == ["status.html"]
    assert (tmp_path / status_page.PAGE).read_text() == status_page.render(status)
