'use strict';
// Comfort only: the page is whole without it. No angle bracket or ampersand in here, so that the page stays well-formed XML.
(function examples() {
  const PAGE = 6;
  const all = Array.from(document.querySelectorAll('.example'));
  const bar = document.querySelector('.controls');
  if (!bar) return;
  const kinds = [['', 'All users'], ['better', 'TPPO more relevant'], ['worse', 'SFT more relevant'], ['same', 'No difference']];
  let kind = '';
  let shown = PAGE;
  const more = document.createElement('button');
  const buttons = kinds.map(function (k) {
    const count = all.filter(function (e) { return !k[0] || e.dataset.outcome === k[0]; }).length;
    const button = document.createElement('button');
    button.textContent = k[1] + ' (' + count + ')';
    button.onclick = function () { kind = k[0]; shown = PAGE; show(); };
    button.dataset.kind = k[0];
    return button;
  });
  function show() {
    const fit = all.filter(function (e) { return !kind || e.dataset.outcome === kind; });
    all.forEach(function (e) { e.hidden = true; });
    fit.slice(0, shown).forEach(function (e) { e.hidden = false; });
    buttons.forEach(function (b) { b.setAttribute('aria-pressed', b.dataset.kind === kind); });
    more.hidden = shown >= fit.length;
    more.textContent = 'Show ' + Math.min(PAGE, Math.max(0, fit.length - shown)) + ' more of ' + fit.length;
  }
  more.onclick = function () { shown += PAGE; show(); };
  if (all.some(function (e) { return e.dataset.outcome; })) bar.append(...buttons);
  bar.hidden = false;
  document.getElementById('example-list').after(more);
  show();
})();
(function tooltips() {
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  document.querySelectorAll('.hit').forEach(function (hit) {
    const title = hit.querySelector('title');
    const text = title.textContent;
    title.remove();
    hit.addEventListener('pointermove', function (event) {
      tip.textContent = text;
      tip.hidden = false;
      const right = event.clientX > innerWidth / 2;
      tip.style.left = event.clientX + (right ? -12 - tip.offsetWidth : 12) + 'px';
      tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 10) + 'px';
    });
    hit.addEventListener('pointerleave', function () { tip.hidden = true; });
  });
})();
