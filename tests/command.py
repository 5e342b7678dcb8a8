"""The command line, called as a test does."""

from typer.testing import CliRunner

from gradcheck.cli import app


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments):
    """The one line on stderr of a call that must exit with 2."""
    result = call(*arguments)
    assert 2 == result.exit_code, result.output
    (line,) = result.stderr.strip().splitlines()
    return line
