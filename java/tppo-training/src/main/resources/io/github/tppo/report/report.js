'use strict';
// Comfort only: the page is whole without it. No angle bracket or ampersand in here, so that the page stays well-formed XML.
(function examples() {
  const bar = document.querySelector('.controls');
  if (!bar) return;
  const all = Array.from(document.querySelectorAll('.example'));
  const position = bar.querySelector('.position');
  const find = bar.querySelector('input');
  const outcome = bar.querySelector('select[name=outcome]');
  const seed = bar.querySelector('select[name=seed]');
  let at = 0;
  function answers(example) {
    return Array.from(example.querySelectorAll('.seed-answers')).find(function (a) { return !seed || a.dataset.seed === seed.value; });
  }
  function fits(example) {
    const shown = answers(example);
    if (!shown) return false;
    if (outcome) if (outcome.value) if (shown.dataset.outcome !== outcome.value) return false;
    return example.textContent.toLowerCase().includes(find.value.trim().toLowerCase());
  }
  function show(step) {
    const fit = all.filter(fits);
    at = fit.length ? (at + step + fit.length) % fit.length : 0;
    all.forEach(function (e) { e.hidden = e !== fit[at]; });
    document.querySelectorAll('.seed-answers').forEach(function (a) { a.hidden = seed ? a.dataset.seed !== seed.value : false; });
    position.textContent = fit.length ? 'User ' + (at + 1) + ' of ' + fit.length : 'No such user';
    bar.querySelectorAll('button').forEach(function (b) { b.disabled = 2 > fit.length; });
  }
  bar.querySelectorAll('button').forEach(function (b) { b.onclick = function () { show(Number(b.dataset.go)); }; });
  find.oninput = function () { at = 0; show(0); };
  if (outcome) outcome.onchange = function () { at = 0; show(0); };
  if (seed) seed.onchange = function () { show(0); };
  document.getElementById('examples').addEventListener('keydown', function (event) {
    if (event.target.matches('input, select')) return;
    if (event.key === 'ArrowLeft') show(-1);
    if (event.key === 'ArrowRight') show(1);
  });
  const list = document.getElementById('example-list');
  list.tabIndex = 0;
  list.setAttribute('aria-label', 'Example user; the left and right arrow keys go to others');
  document.documentElement.classList.add('browsing');
  bar.hidden = false;
  show(0);
})();
(function tooltips() {
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  function show(text, event) {
    tip.textContent = text;
    tip.hidden = false;
    const right = event.clientX > innerWidth / 2;
    tip.style.left = Math.max(4, event.clientX + (right ? -12 - tip.offsetWidth : 12)) + 'px';
    tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 10) + 'px';
  }
  document.querySelectorAll('.hit').forEach(function (hit) {
    const title = hit.querySelector('title');
    const text = title.textContent;
    title.remove();
    hit.addEventListener('pointermove', function (event) { show(text, event); });
    hit.addEventListener('pointerleave', function () { tip.hidden = true; });
  });
  document.addEventListener('click', function (event) {
    const token = event.target.closest('.answer [title]');
    if (token) show(token.title, event); else tip.hidden = true;
  });
})();
