"""What rooms, microphones and networks do to sound: an ordered chain in the recipe of a mix.

Two steps. *Draw*: a link of the chain with ranges becomes a `Drawn` with numbers (`chain.draw_chain`).
*Apply*: a `Drawn` and samples give samples (`chain.apply`); nothing else goes in, so that a manifest
that keeps what was drawn is enough to make the same samples again.

What becomes of the target, the clean signal a model should give back, follows one principle:

- A linear channel (band limit, resampling, stethoscope, gain) is how this recording sounds. The target
  goes through it too; no model is asked to invent a band that was never recorded.
- Damage (late reverberation, clipping, codec, lost packets) is what a model should undo. The target
  does not have it.

So ``where: noisy`` with a channel treats noisy, clean and noise alike and noisy = clean + noise still
holds; with damage only the noisy signal changes. A channel on all three keeps their sum but, unless it
is a gain, moves the ratio: noise and speech do not lose the same share (`chain.keeps_ratio`).

Every kind keeps the length, adds no delay, leaves its input untouched and maps silence to silence.
"""
