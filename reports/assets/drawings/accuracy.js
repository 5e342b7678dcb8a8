drawing("accuracy", (rows, { width }) => ranges(rows, { width, kind: "digits", x: { label: words("correct digits"), domain: [0, Math.max(...rows.map((row) => row.most)) * 1.02] } }));
