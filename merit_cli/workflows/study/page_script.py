"""The study page's script: ask, save after every touch, go on after a reload, hand the answers over as a file.

Answers lie in the browser's own storage under the study's and the rater's names; where the browser keeps none, the
page says so and the saved file is the way to go on. Nothing is sent anywhere.
"""

PAGE_SCRIPT = """
(() => {
  'use strict';
  const study = JSON.parse(document.getElementById('study-data').textContent);
  const at = id => document.getElementById(id);
  const screens = ['welcome', 'trial', 'end'];
  const sound = new Audio();
  let rater = null, answers = {}, current = null, playing = '', visibleSince = 0;

  const show = name => {  // the reader of a screen is taken to its heading
    screens.forEach(one => { at(one).hidden = one !== name; });
    at('tools').hidden = name === 'welcome';
    at(`${name}-head`).focus();
  };
  const say = (where, words) => { at(where).textContent = words; };
  const storeName = code => `merit-study/${study.study}/${code}`;
  const keep = () => {
    try {
      localStorage.setItem(storeName(rater), JSON.stringify(answers));
      say('kept', 'Saved in this browser.');
    } catch (error) {
      say('kept', 'This browser keeps nothing: save your answers to a file before you close the page.');
    }
  };
  const kept = code => {
    try { return JSON.parse(localStorage.getItem(storeName(code))) || {}; } catch (error) { return {}; }
  };
  const trials = () => study.raters[rater];
  const done = id => Boolean(answers[id] && answers[id].done);
  const blank = position => ({
    label: null, confidence: null, trust: null, plays: 0, seconds: 0, position, done: false,
  });

  const tick = () => {
    if (current && visibleSince && answers[current].plays) {
      answers[current].seconds += (performance.now() - visibleSince) / 1000;
    }
    visibleSince = document.hidden ? 0 : performance.now();
  };
  const missing = one => {
    if (!one.plays) return 'Play the sound first.';
    if (!one.label) return 'Say what you hear.';
    if (!one.confidence) return 'Say how sure you are.';
    return one.trust ? '' : 'Say how far you would rely on this recording.';
  };
  const stop = () => {
    sound.pause();
    sound.removeAttribute('src');
    playing = '';
    at('play').textContent = 'Play';
    at('check').textContent = 'Play the test sound';
    at('heard').value = 0;
  };
  const play = (id, button) => {
    if (playing === id && !sound.paused) { stop(); return; }
    stop();
    playing = id;
    sound.src = study.audio[id];
    sound.play().then(() => {
      if (current && id === study.trials[current].audio) {
        tick();
        answers[current].plays += 1;
        say('plays', `Played ${answers[current].plays} ${answers[current].plays === 1 ? 'time' : 'times'}.`);
        refresh();
        keep();
      }
      button.textContent = 'Stop';
    }, () => say('trial-say', 'The sound could not be played.'));
  };
  sound.addEventListener('timeupdate', () => {
    if (sound.duration && current) at('heard').value = sound.currentTime / sound.duration;
  });
  sound.addEventListener('ended', stop);

  const refresh = () => {
    const lack = missing(answers[current]);
    at('next').setAttribute('aria-disabled', String(Boolean(lack)));
  };
  const ask = () => {
    const order = trials();
    const place = order.findIndex(id => !done(id));
    current = null;
    stop();
    at('all').value = order.filter(done).length / order.length;
    if (place < 0) { show('end'); return; }
    current = order[place];
    if (!answers[current]) answers[current] = blank(place + 1);
    const one = answers[current], trial = study.trials[current];
    at('trial-head').textContent = `Sound ${place + 1} of ${order.length}`;
    say('plays', one.plays ? `Played ${one.plays} ${one.plays === 1 ? 'time' : 'times'}.` : 'Not played yet.');
    at('machine').hidden = !trial.suggestion;
    say('machine-says', trial.suggestion || '');
    say('trial-say', '');
    document.querySelectorAll('#trial input[type=radio]').forEach(box => {
      box.checked = String(one[box.name]) === box.value;
    });
    refresh();
    show('trial');
    visibleSince = performance.now();
  };
  const next = () => {
    const lack = missing(answers[current]);
    if (lack) { say('trial-say', lack); return; }
    tick();
    answers[current].seconds = Math.round(answers[current].seconds * 10) / 10;
    answers[current].done = true;
    keep();
    ask();
  };
  const begin = code => {
    rater = code;
    answers = kept(code);
    say('who', code);
    keep();
    ask();
  };
  const packed = () => ({
    format: 'merit-study-answers', version: 1, study: study.study, rater,
    complete: trials().every(done), answers,
  });
  const save = () => {
    tick();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(packed(), null, 1)], { type: 'application/json' }));
    link.download = `answers-${study.study}-${rater}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say('kept', 'The file lies where your browser puts downloads.');
  };
  const load = async file => {
    try {
      const found = JSON.parse(await file.text());
      if (found.format !== 'merit-study-answers' || found.study !== study.study || !study.raters[found.rater]) {
        say('welcome-say', 'This file is not of this study.');
        return;
      }
      rater = found.rater;
      answers = found.answers;
      say('who', rater);
      keep();
      ask();
    } catch (error) {
      say('welcome-say', 'This file cannot be read.');
    }
  };

  Object.keys(study.raters).forEach(code => {
    const choice = document.createElement('option');
    choice.value = choice.textContent = code;
    at('rater').append(choice);
  });
  at('begin').addEventListener('click', () => {
    if (!at('rater').value) { say('welcome-say', 'Choose the code you were given.'); return; }
    begin(at('rater').value);
  });
  at('check').addEventListener('click', () => play(study.reference, at('check')));
  at('play').addEventListener('click', () => play(study.trials[current].audio, at('play')));
  at('next').addEventListener('click', next);
  at('save').addEventListener('click', save);
  at('save-end').addEventListener('click', save);
  at('load').addEventListener('change', event => { if (event.target.files[0]) load(event.target.files[0]); });
  document.querySelectorAll('#trial input[type=radio]').forEach(box => box.addEventListener('change', () => {
    answers[current][box.name] = box.name === 'label' ? box.value : Number(box.value);
    say('trial-say', '');
    refresh();
    keep();
  }));
  document.addEventListener('keydown', event => {
    if (!current || event.ctrlKey || event.altKey || event.metaKey || at('trial').hidden) return;
    if (event.key === 'p') { event.preventDefault(); at('play').click(); }
    if (event.key === 'n') { event.preventDefault(); next(); }
  });
  document.addEventListener('visibilitychange', tick);
  window.addEventListener('pagehide', () => { if (rater) { tick(); keep(); } });
  at('live').hidden = false;
  at('dead').hidden = true;
})();
"""
