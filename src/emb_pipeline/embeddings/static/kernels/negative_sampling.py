"""Passes of negative sampling over sentences (Mikolov et al. 2013): skip-gram and CBOW, of words or of their subwords.

For each word of a sentence, vectors of what is around it are held against its own output vector and those of a few
drawn words. The drawn ones are shared by all words around it, so that single dot products become small matrix products:
two inputs by six outputs at a time stay in registers, and an output vector is fetched once for a whole window (Ji et al.
2016, "Parallelizing Word2Vec in Shared and Distributed Memory", section 3). One step serves all: CBOW's input is the mean
of the window, and subwords put the means that stand for words into a short row of their own.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from emb_pipeline.embeddings.static.kernels.prefetch import fetch
from emb_pipeline.embeddings.static.kernels.random import below, following, unit
from emb_pipeline.embeddings.static.kernels.sigmoid import LOG_SIGMOID, SIGMOID, place_of

_AT_ONCE = 6
_FIRST = np.zeros(1, np.int32)
_pass = nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
_step = nb.njit(nogil=True, fastmath=True, boundscheck=False)
_inline = nb.njit(nogil=True, fastmath=True, boundscheck=False, inline="always")


@_pass  # type: ignore[untyped-decorator]
def learn_words(  # type: ignore[no-untyped-def]
    ids, ends, n_words, keep, threshold, other, window, negative, of_mean, rates, inputs, outputs, state
):
    """One pass over a batch of sentences, changing both sets of vectors in place.

    Parameters
    ----------
    ids : ndarray of shape (n_tokens,), int32
        The sentences, one after the other; ids from ``n_words`` on are passed over.
    ends : ndarray of shape (n_sentences + 1,), int32
        Where each sentence starts, and the last one ends.
    n_words : int
        Words that have vectors.
    keep : ndarray of shape (n_words,), float32
        With which probability an occurrence of each word is kept.
    threshold, other : ndarray of shape (n_words,), float32 and int32
        Alias table of the noise.
    window, negative : int
        Words to each side at most, and drawn words.
    of_mean : bool
        CBOW: one step for the mean of the window, in place of one for each of its words.
    rates : tuple of two float32
        Step sizes at the beginning and at the end of the batch.
    inputs, outputs : ndarray of shape (n_words, dim), float32
        Vectors of words as context and as what is predicted.
    state : uint64
        Of the random numbers.

    Returns
    -------
    loss : float
        Sum over the steps of -ln of the probabilities that the true and the drawn words are distinguished with.
    n_steps : int
        Pairs of a word and one around it; of a word and its window for ``of_mean``.
    """
    dim = inputs.shape[1]
    sentence, context = np.empty(_longest(ends), np.int32), np.empty(2 * window, np.int32)
    predicted = np.empty((2, negative + 1), np.int32)
    rows, changes, gradients, nowhere = _scratch(negative, dim)
    mean = np.empty((2, dim), np.float32)
    loss, n_steps = 0.0, 0
    for number in range(ends.shape[0] - 1):
        rate = _rate(rates, ends, number)
        length, state = _kept(ids, ends[number], ends[number + 1], n_words, keep, sentence, state)
        if length < 2:
            continue
        for place in range(min(window, length)):
            fetch(inputs[sentence[place]])
        reach, n_predicted, state = _planned(
            sentence, 0, length, window, negative, n_words, threshold, other, outputs, predicted, state
        )
        for middle in range(length):
            if middle + window + 1 < length:
                fetch(inputs[sentence[middle + window + 1]])
            next_reach, n_next, state = _planned(
                sentence, middle + 1, length, window, negative, n_words, threshold, other, outputs, predicted, state
            )
            n_context = 0
            for place in range(max(0, middle - reach), min(length, middle + reach + 1)):
                if place != middle:
                    context[n_context] = sentence[place]
                    n_context += 1
            loss += _learn_window(
                inputs,
                context,
                n_context,
                of_mean,
                mean,
                outputs,
                predicted[middle % 2],
                n_predicted,
                rate,
                rows,
                changes,
                gradients,
                nowhere,
            )
            n_steps += 1 if of_mean else n_context
            reach, n_predicted = next_reach, n_next
    return loss, n_steps


@_pass  # type: ignore[untyped-decorator]
def learn_subwords(  # type: ignore[no-untyped-def]
    ids,
    ends,
    n_words,
    keep,
    threshold,
    other,
    window,
    negative,
    of_mean,
    rates,
    inputs,
    outputs,
    state,
    parts,
    starts,
):
    """One pass as `learn_words`, for words that are means of the vectors of their parts (Bojanowski et al. 2017).

    A word's mean is taken when it comes into the window, learns like a vector of its own, and hands its change to all of
    its parts when it leaves.

    Parameters
    ----------
    inputs : ndarray of shape (n_parts, dim), float32
        Vectors of parts.
    parts : ndarray, int32
        The parts of all words, one word after the other, as rows of ``inputs``; …
    starts : ndarray of shape (n_words + 1,), int64
        … where those of each word start, and the last one's end.
    """
    dim = inputs.shape[1]
    sentence, context = np.empty(_longest(ends), np.int32), np.empty(2 * window, np.int32)
    predicted = np.empty((2, negative + 1), np.int32)
    rows, changes, gradients, nowhere = _scratch(negative, dim)
    mean = np.empty((2, dim), np.float32)
    n_near = 2 * window + 1
    near, before = np.empty((n_near, dim), np.float32), np.empty((n_near, dim), np.float32)
    loss, n_steps = 0.0, 0
    for number in range(ends.shape[0] - 1):
        rate = _rate(rates, ends, number)
        length, state = _kept(ids, ends[number], ends[number + 1], n_words, keep, sentence, state)
        if length < 2:
            continue
        for place in range(min(window, length)):
            _enter(inputs, parts, starts, sentence[place], near[place], before[place])
        reach, n_predicted, state = _planned(
            sentence, 0, length, window, negative, n_words, threshold, other, outputs, predicted, state
        )
        for middle in range(length):
            entering, leaving = middle + window, middle - window - 1
            if leaving >= 0:
                _leave(inputs, parts, starts, sentence[leaving], near[leaving % n_near], before[leaving % n_near])
            if entering < length:
                _enter(inputs, parts, starts, sentence[entering], near[entering % n_near], before[entering % n_near])
            if entering + 1 < length:
                for part in range(starts[sentence[entering + 1]], starts[sentence[entering + 1] + 1]):
                    fetch(inputs[parts[part]])
            next_reach, n_next, state = _planned(
                sentence, middle + 1, length, window, negative, n_words, threshold, other, outputs, predicted, state
            )
            n_context = 0
            for place in range(max(0, middle - reach), min(length, middle + reach + 1)):
                if place != middle:
                    context[n_context] = place % n_near
                    n_context += 1
            loss += _learn_window(
                near,
                context,
                n_context,
                of_mean,
                mean,
                outputs,
                predicted[middle % 2],
                n_predicted,
                rate,
                rows,
                changes,
                gradients,
                nowhere,
            )
            n_steps += 1 if of_mean else n_context
            reach, n_predicted = next_reach, n_next
        for place in range(max(0, length - window - 1), length):
            _leave(inputs, parts, starts, sentence[place], near[place % n_near], before[place % n_near])
    return loss, n_steps


@_inline  # type: ignore[untyped-decorator]
def _longest(ends):  # type: ignore[no-untyped-def]
    longest = 0
    for number in range(ends.shape[0] - 1):
        longest = max(longest, ends[number + 1] - ends[number])
    return longest


@_inline  # type: ignore[untyped-decorator]
def _scratch(negative, dim):  # type: ignore[no-untyped-def]
    n_rows = _AT_ONCE * ((negative + _AT_ONCE) // _AT_ONCE)
    rows, changes = np.zeros((n_rows, dim), np.float32), np.zeros((n_rows, dim), np.float32)
    return rows, changes, np.zeros((2, n_rows), np.float32), np.zeros(dim, np.float32)


@_inline  # type: ignore[untyped-decorator]
def _rate(rates, ends, number):  # type: ignore[no-untyped-def]
    done = np.float32(ends[number] - ends[0]) / np.float32(max(ends[-1] - ends[0], 1))
    return rates[0] + (rates[1] - rates[0]) * done


@_step  # type: ignore[untyped-decorator]
def _kept(ids, start, end, n_words, keep, sentence, state):  # type: ignore[no-untyped-def]
    """The words of a sentence that are known and not thinned out."""
    length = 0
    for place in range(start, end):
        word = ids[place]
        if word < n_words:
            state = following(state)
            if unit(state) < keep[word]:
                sentence[length] = word
                length += 1
    return length, state


@_step  # type: ignore[untyped-decorator]
def _planned(  # type: ignore[no-untyped-def]
    sentence, place, length, window, negative, n_words, threshold, other, outputs, predicted, state
):
    """Draw a word's window, and the noise words that it is held against: one word ahead, so that rows can come.

    Two words take turns in ``predicted``. Behind a sentence's end nothing is drawn.
    """
    if place >= length:
        return 0, 0, state
    state = following(state)
    reach = 1 + below(state, window)
    drawn = predicted[place % 2]
    n_predicted, state = _drawn(sentence[place], negative, n_words, threshold, other, drawn, state)
    for k in range(n_predicted):
        fetch(outputs[drawn[k]])
    return reach, n_predicted, state


@_step  # type: ignore[untyped-decorator]
def _drawn(word, negative, n_words, threshold, other, predicted, state):  # type: ignore[no-untyped-def]
    """The word and, behind it, those that are drawn; the word itself is passed over where it is drawn."""
    predicted[0] = word
    n_predicted = 1
    for _ in range(negative):
        state = following(state)
        drawn = np.int32(below(state, n_words))
        state = following(state)
        if unit(state) >= threshold[drawn]:
            drawn = other[drawn]
        if drawn != word:
            predicted[n_predicted] = drawn
            n_predicted += 1
    return n_predicted, state


@_inline  # type: ignore[untyped-decorator]
def _learn_window(  # type: ignore[no-untyped-def]
    inputs, context, n_context, of_mean, mean, outputs, predicted, n_predicted, rate, rows, changes, gradients, nowhere
):
    """A step for each input row in ``context``, or one for their mean, whose change all of them take."""
    if not of_mean:
        return _learn(inputs, context, n_context, outputs, predicted, n_predicted, rate, rows, changes, gradients, nowhere)
    _mean_of(inputs, context, n_context, mean)
    loss = _learn(mean, _FIRST, 1, outputs, predicted, n_predicted, rate, rows, changes, gradients, nowhere)
    _move(inputs, context, n_context, mean)
    return loss


@_step  # type: ignore[untyped-decorator]
def _learn(  # type: ignore[no-untyped-def]
    inputs, context, n_context, outputs, predicted, n_predicted, rate, rows, changes, gradients, nowhere
):
    """A step for each input row in ``context``, against the first of ``predicted`` as true and the others as noise."""
    dim, n_rows, loss = rows.shape[1], rows.shape[0], 0.0
    for k in range(n_predicted):
        row, source, changed = rows[k], outputs[predicted[k]], changes[k]
        for d in range(dim):
            row[d] = source[d]
            changed[d] = np.float32(0)
    for c in range(0, n_context, 2):
        two = c + 1 < n_context
        x, y = inputs[context[c]], inputs[context[c + 1]] if two else nowhere
        for k in range(0, n_rows, 3):
            _products(x, y, rows, k, gradients)
        loss += _gradients_of(gradients[0], n_predicted, rate)
        loss += _gradients_of(gradients[1], n_predicted if two else 0, rate)
        for k in range(0, n_rows, _AT_ONCE):
            _change_outputs(x, y, changes, k, gradients)
        for k in range(0, n_rows, _AT_ONCE):
            _move_inputs(x, y, rows, k, gradients)
    for k in range(n_predicted):
        changed, target = changes[k], outputs[predicted[k]]
        for d in range(dim):
            target[d] += changed[d]
    return loss


@_inline  # type: ignore[untyped-decorator]
def _products(x, y, rows, k, products):  # type: ignore[no-untyped-def]
    """Two inputs by three outputs."""
    p, q, r = rows[k], rows[k + 1], rows[k + 2]
    xp = xq = xr = yp = yq = yr = np.float32(0)
    for d in range(rows.shape[1]):
        xp += x[d] * p[d]
        xq += x[d] * q[d]
        xr += x[d] * r[d]
        yp += y[d] * p[d]
        yq += y[d] * q[d]
        yr += y[d] * r[d]
    products[0, k], products[0, k + 1], products[0, k + 2] = xp, xq, xr
    products[1, k], products[1, k + 1], products[1, k + 2] = yp, yq, yr


@_inline  # type: ignore[untyped-decorator]
def _gradients_of(products, n_predicted, rate):  # type: ignore[no-untyped-def]
    """Put a step's gradients in the place of its products, zero behind ``n_predicted``; gives its loss."""
    loss = 0.0
    for k in range(n_predicted):
        place = place_of(products[k])
        if k == 0:
            loss -= LOG_SIGMOID[place]
            products[k] = (np.float32(1) - SIGMOID[place]) * rate
        else:
            loss -= LOG_SIGMOID[LOG_SIGMOID.shape[0] - 1 - place]
            products[k] = -SIGMOID[place] * rate
    for k in range(n_predicted, products.shape[0]):
        products[k] = np.float32(0)
    return loss


@_inline  # type: ignore[untyped-decorator]
def _change_outputs(x, y, changes, k, g):  # type: ignore[no-untyped-def]
    """Add to what six outputs will change by."""
    p, q, r, s, t, u = changes[k], changes[k + 1], changes[k + 2], changes[k + 3], changes[k + 4], changes[k + 5]
    xp, xq, xr, xs, xt, xu = g[0, k], g[0, k + 1], g[0, k + 2], g[0, k + 3], g[0, k + 4], g[0, k + 5]
    yp, yq, yr, ys, yt, yu = g[1, k], g[1, k + 1], g[1, k + 2], g[1, k + 3], g[1, k + 4], g[1, k + 5]
    for d in range(changes.shape[1]):
        p[d] += xp * x[d] + yp * y[d]
        q[d] += xq * x[d] + yq * y[d]
        r[d] += xr * x[d] + yr * y[d]
        s[d] += xs * x[d] + ys * y[d]
        t[d] += xt * x[d] + yt * y[d]
        u[d] += xu * x[d] + yu * y[d]


@_inline  # type: ignore[untyped-decorator]
def _move_inputs(x, y, rows, k, g):  # type: ignore[no-untyped-def]
    """Move two inputs by six outputs."""
    p, q, r, s, t, u = rows[k], rows[k + 1], rows[k + 2], rows[k + 3], rows[k + 4], rows[k + 5]
    xp, xq, xr, xs, xt, xu = g[0, k], g[0, k + 1], g[0, k + 2], g[0, k + 3], g[0, k + 4], g[0, k + 5]
    yp, yq, yr, ys, yt, yu = g[1, k], g[1, k + 1], g[1, k + 2], g[1, k + 3], g[1, k + 4], g[1, k + 5]
    for d in range(rows.shape[1]):
        x[d] += xp * p[d] + xq * q[d] + xr * r[d] + xs * s[d] + xt * t[d] + xu * u[d]
        y[d] += yp * p[d] + yq * q[d] + yr * r[d] + ys * s[d] + yt * t[d] + yu * u[d]


@_step  # type: ignore[untyped-decorator]
def _mean_of(inputs, context, n_context, mean):  # type: ignore[no-untyped-def]
    """The mean of the rows in ``context``, twice: to learn with, and to compare with afterwards."""
    learning, before = mean[0], mean[1]
    for d in range(mean.shape[1]):
        learning[d] = np.float32(0)
    for c in range(n_context):
        row = inputs[context[c]]
        for d in range(mean.shape[1]):
            learning[d] += row[d]
    share = np.float32(1) / np.float32(n_context)
    for d in range(mean.shape[1]):
        learning[d] *= share
        before[d] = learning[d]


@_step  # type: ignore[untyped-decorator]
def _move(inputs, context, n_context, mean):  # type: ignore[no-untyped-def]
    """Move each row by the whole change of their mean, as word2vec does."""
    learnt, before = mean[0], mean[1]
    for d in range(mean.shape[1]):
        learnt[d] -= before[d]
    for c in range(n_context):
        row = inputs[context[c]]
        for d in range(mean.shape[1]):
            row[d] += learnt[d]


@_step  # type: ignore[untyped-decorator]
def _enter(inputs, parts, starts, word, near, before):  # type: ignore[no-untyped-def]
    """The mean of a word's parts, twice."""
    for d in range(near.shape[0]):
        near[d] = np.float32(0)
    for p in range(starts[word], starts[word + 1]):
        row = inputs[parts[p]]
        for d in range(near.shape[0]):
            near[d] += row[d]
    share = np.float32(1) / np.float32(starts[word + 1] - starts[word])
    for d in range(near.shape[0]):
        near[d] *= share
        before[d] = near[d]


@_step  # type: ignore[untyped-decorator]
def _leave(inputs, parts, starts, word, near, before):  # type: ignore[no-untyped-def]
    """Move each of a word's parts by the whole change of their mean, as fastText does."""
    for d in range(near.shape[0]):
        near[d] -= before[d]
    for p in range(starts[word], starts[word + 1]):
        row = inputs[parts[p]]
        for d in range(near.shape[0]):
            row[d] += near[d]
