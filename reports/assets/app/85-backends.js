// A backend's own part of the page: the one that an address names, or the table of all of them.

function showBackend([name]) {
  const articles = [...document.querySelectorAll("article.backend")];
  const chosen = articles.find((article) => decodeURIComponent(article.id) === `backend/${name}`);
  for (const article of articles) article.classList.toggle("shown", article === chosen);
  document.getElementById("backends").classList.toggle("chosen", chosen !== undefined);
}
