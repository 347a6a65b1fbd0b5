"""The textbook's EM for a Gaussian mixture, typed in as it is printed: one loop for every sum.

Slow on purpose, and easy to check against the formulas. It works with densities, not with their
logarithms, as the textbook does: far from every component it divides 0 by 0.
"""
from math import exp, pi, sqrt

import numpy as np


def density(x, mean, cov):
    "The normal density of one point."
    d = len(x)
    P, det = np.linalg.inv(cov), np.linalg.det(cov)
    square = 0.0
    for a in range(d):
        for b in range(d):
            square += (x[a] - mean[a]) * P[a, b] * (x[b] - mean[b])
    return exp(-square / 2) / sqrt((2 * pi) ** d * det)


def e_step(x, weights, means, covs):
    "The responsibilities, point after point."
    n, K = len(x), len(weights)
    r = np.zeros((n, K))
    for i in range(n):
        for k in range(K):
            r[i, k] = weights[k] * density(x[i], means[k], covs[k])
        total = 0.0
        for k in range(K):
            total += r[i, k]
        for k in range(K):
            r[i, k] /= total
    return r


def m_step(x, r):
    "Weights, means and covariances, component after component."
    (n, d), K = x.shape, r.shape[1]
    weights, means, covs = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K):
        count = 0.0
        for i in range(n):
            count += r[i, k]
            for a in range(d):
                means[k, a] += r[i, k] * x[i, a]
        for a in range(d):
            means[k, a] /= count
        for i in range(n):
            for a in range(d):
                for b in range(d):
                    covs[k, a, b] += r[i, k] * (x[i, a] - means[k, a]) * (x[i, b] - means[k, b])
        for a in range(d):
            for b in range(d):
                covs[k, a, b] /= count
        weights[k] = count / n
    return weights, means, covs


def em(x, weights, means, covs, m):
    "m iterations."
    for _ in range(m):
        weights, means, covs = m_step(x, e_step(x, weights, means, covs))
    return weights, means, covs
