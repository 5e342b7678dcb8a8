"""Lines fit, nothing is lost, and a folded command is still a command."""

import shlex

from gradcheck.folding import folded, folded_command


def test_short_lines_stay_as_they_are():
    text = "FAIL: sign\n  vjp: x[0]: got 1\n\n    deeper"
    assert text == folded(text, 80)


def test_long_lines_go_on_two_columns_further_in():
    assert folded("  one two three four", 12) == "  one two\n    three\n    four"


def test_a_word_longer_than_the_width_is_broken():
    lines = folded(f"  {'x' * 50}", 20).splitlines()
    assert max(map(len, lines)) <= 20
    assert 50 == sum(line.count("x") for line in lines)


def test_the_last_line_says_how_many_were_left_out():
    assert folded("\n".join("abcdef"), 80, most=4) == "a\nb\nc\n(3 more lines)"
    assert folded("a\nb", 80, most=2) == "a\nb"


def test_a_folded_command_has_the_same_words():
    words = ["gradcheck", "verify", "my_module:function", "--args", "np.ones((2,3))", "--seed", "12345"]
    text = folded_command(words, 30)
    assert max(map(len, text.splitlines())) <= 30
    assert words == shlex.split(text.replace("\\\n", ""))
    assert folded_command(words, 200) == shlex.join(words)


def test_words_are_quoted_so_that_a_shell_reads_them_back():
    words = ["verify", "{'w': np.ones(2)}", '{"w": 1}', "it's $HOME", "a b", "x"]
    text = folded_command(words, 200)
    assert words == shlex.split(text)
    assert "\"{'w': np.ones(2)}\"" in text
