"""What goes through a quoting filter comes back as it was."""

import re
import subprocess

import classad2
import htcondor2
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.dagman import quoting

printable = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]))


awkward = st.text(st.sampled_from("$()\"'\\ `{}aDOLLAR%;#=ü"))
"""Text of what means something to a shell, to ClassAds or to a submit description."""


@settings(max_examples=30)
@given(
    st.lists(
        awkward | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        min_size=20,
        max_size=60,
    )
)
def test_a_shell_takes_each_value_as_one_word_and_runs_nothing_of_it(values):
    words = " ".join(map(quoting.shell, values))
    said = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True
    )
    assert said.stdout.decode().split("\0")[:-1] == values


@given(printable)
def test_a_classad_string_is_the_value(text):
    assert classad2.ExprTree(quoting.classad(text)).eval() == text


@given(st.text())
def test_a_classad_string_is_one_line(text):
    assert len(quoting.classad(text).splitlines()) == 1 or not text.isprintable()


@given(
    st.lists(
        (printable | awkward).filter(lambda word: "$(DOLLAR)" not in word), min_size=1, max_size=4
    )
)
def test_the_arguments_of_a_job_are_the_words(words):
    submit = htcondor2.Submit({"executable": "x", "arguments": f'"{quoting.arguments(words)}"'})
    assert arguments_v2(matched(submit.expand("arguments"))) == words


def matched(text):
    """What becomes of a value when its job is matched: macros of two dollars are replaced."""
    assert not re.sub(r"\$\$\(DOLLARDOLLAR\)", "", text).count("$$")
    return text.replace("$$(DOLLARDOLLAR)", "$$")


@given(printable | awkward)
def test_a_node_variable_is_the_value(text):
    assert dag_vars(quoting.dag_vars(text)) == text


def dag_vars(text):
    r"""Read as DAGMan's manual says of VARS: in double quotes, ``\"`` and ``\\`` are escapes."""
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', text)
    return re.sub(r"\\(.)", r"\1", text[1:-1])


@given(st.text(), st.sampled_from([quoting.submit, quoting.dag_vars, quoting.comment]))
def test_a_value_begins_no_line_of_its_own(text, quote):
    assert "\n" not in quote(text)
    assert "\r" not in quote(text)


def arguments_v2(text):
    """Split as the manual of condor_submit says of ``arguments`` in double quotes."""
    assert text[0] == text[-1] == '"'
    words, word, quoted, i = [], None, False, 0
    body = text[1:-1].replace('""', '"')
    while i < len(body):
        c = body[i]
        if c == "'" and quoted and body[i + 1 : i + 2] == "'":
            word = (word or "") + "'"
            i += 1
        elif c == "'":
            quoted = not quoted
            word = word or ""
        elif c == " " and not quoted:
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + c
        i += 1
    return [*words, word] if word is not None else words
