"""What goes through a quoting filter comes back as it was."""

import shlex
import subprocess

import classad2
import htcondor2
from hypothesis import given
from hypothesis import strategies as st

from condorloop.dagman import quoting

printable = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_shell_word_is_one_word(text):
    assert shlex.split(quoting.shell(text)) == [text]


def test_a_shell_runs_nothing_of_a_value():
    value = "$(touch here) `id` ; 'quoted' \"twice\"\nand a line"
    said = subprocess.run(
        ["bash", "-c", f"printf %s {quoting.shell(value)}"], capture_output=True, check=True
    )
    assert said.stdout.decode() == value


@given(printable)
def test_a_classad_string_is_the_value(text):
    assert classad2.ExprTree(quoting.classad(text)).eval() == text


@given(st.text())
def test_a_classad_string_is_one_line(text):
    assert len(quoting.classad(text).splitlines()) == 1 or not text.isprintable()


@given(st.lists(printable.filter(bool), min_size=1, max_size=4))
def test_the_arguments_of_a_job_are_the_words(words):
    submit = htcondor2.Submit({"executable": "x", "arguments": f'"{quoting.arguments(words)}"'})
    expanded = submit.expand("arguments")
    assert arguments_v2(expanded) == words


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
