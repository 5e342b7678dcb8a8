"""Results in, pages out: every reporter reads a run's results and nothing else."""

if __name__ != "gradcheck_reports":
    raise ImportError("import this package as 'gradcheck_reports'; 'reports' is only its folder's name")
