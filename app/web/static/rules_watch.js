// Watches a back-test: how far it is, and when it has ended the page with what it came to.

const watched = document.getElementById("watch");
const far = document.getElementById("far");
const meter = watched.querySelector("progress");

async function look() {
  let told;
  try {
    const answer = await fetch(watched.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    told = await answer.json();
  } catch {
    setTimeout(look, 5000);
    return;
  }
  if (told.state !== "running") {
    location.reload();
    return;
  }
  far.textContent = `${told.done.toLocaleString("en")} of ${told.total.toLocaleString("en")} orders, ${told.share} %`;
  meter.value = told.share;
  setTimeout(look, 1000);
}

setTimeout(look, 700);
