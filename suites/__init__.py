"""The catalogue: functions, points and printed values of five course documents, one file a topic."""

if __name__ != "gradcheck_suites":
    raise ImportError("import this package as 'gradcheck_suites'; 'suites' is only its folder's name")
