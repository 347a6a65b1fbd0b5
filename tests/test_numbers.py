"""Numbers that others have printed: each row names its source."""
import numpy as np
import pytest
from scipy.stats import binom

from emlit import Bernoulli, Binomial, Categorical, Mixture, MultivariateNormal, Normal, Poisson, bic, coins, data, em, fit, standard_errors, starts
from later import Later
from linkage import Linkage

y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
LI = "Li Hang, Statistical Learning Methods, example 9.1"
DO = "Do & Batzoglou, Nature Biotechnology 26 (2008), figure 1"
FIVE = "two coins, five rounds of five tosses (a tutorial's example)"
DLR = "Dempster, Laird & Rubin (1977), section 1"


def three(theta):
    pi, p, q = theta
    return Mixture([pi, 1 - pi], Bernoulli([p, q]))

def theta(model): return [model.weights[0], *model.components[0].p]

def by_hand(start, steps):
    for _ in range(steps): start = coins.update(coins.expected_counts(start, y))
    return start

def soft(n, heads, start, t, free=False):
    return fit(Mixture([.5, .5], Binomial(n, start)), heads, freeze=() if free else "weights", max_iter=t, tol=0).model

def limit(n, heads, start, free=False):
    return fit(Mixture([.5, .5], Binomial(n, start)), heads, freeze=() if free else "weights", tol=1e-14, max_iter=100_000).model


# Gaussian mixtures

FIFTEEN = "Li Hang, Statistical Learning Methods, exercise 9.3"
TUTORIAL = "a tutorial's example in one dimension"
FAITHFUL = "Azzalini & Bowman (1990), the maximum by a run to 1e-14"
MIXTOOLS = "Benaglia et al., J. Statist. Software 32 (2009): mixtools"
PEARSON = "mixtools on waiting times, as an introduction to the package prints it; stops early"
MCLUST = "Scrucca et al., R Journal 8 (2016) and the manual of mclust; stops early"
IRIS = "Fisher (1936), the maximum by a run to 1e-14"
ROEDER = "Roeder (1990), the galaxies; McLachlan & Peel, Finite Mixture Models (2000)"
HASSELBLAD = "Hasselblad, J. Amer. Statist. Assoc. 64 (1969); more digits by a run to the end"
AGRESTI = "Agresti, Categorical Data Analysis (2002), chapter 13, as poLCA prints it: Linzer & Lewis, J. Statist. Software 42 (2011)"
POLCA = "the data of Goodman (1974), as poLCA prints them: Linzer & Lewis, J. Statist. Software 42 (2011)"
GOODMAN = "Goodman, Biometrika 61 (1974): role conflict"
LANGE = "Lange, Applied Probability (2003), example 2.2.2 and table 2.2; from rounded iterates"
MAIZE = "Fisher's maize: Thisted, Elements of Statistical Computing (1988), section 4.2"

faithful, iris, fifteen = data.load_faithful(), data.load_iris(), data.load_fifteen()
waiting, (deaths, days) = faithful[:, 1], data.load_deaths()
MODELS = dict(EII="tied_spherical", VII="spherical", EEI="tied_diag", VVI="diag", EEE="tied", VVV="full") # mclust's names

def tight(model, x, **options): return fit(model, x, tol=1e-14, max_iter=100_000, keep="ends", **options)

def clustered(x, K, name):
    "The fit from a k-means start."
    return tight(starts.start(MultivariateNormal, x, starts.kmeans(x, K, np.random.default_rng(0)), structure=MODELS[name]), x)

def score(x, K, name):
    "mclust's BIC: 2ℓ − df · ln n."
    return -bic(clustered(x, K, name).model, x)

old_faithful = Later(lambda: tight(Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2)), faithful))
equal = Later(lambda: tight(Mixture([.4, .6], MultivariateNormal([[55], [80]], [[36]], "tied")), waiting[:, None]))
free = Later(lambda: tight(Mixture([.4, .6], Normal([55, 80], [6, 6])), waiting))
tied3 = Later(lambda: tight(Mixture([.17, .36, .47], MultivariateNormal([[3.8, 77], [2, 54], [4.5, 81]], [[.1, .5], [.5, 34]], "tied")), faithful))
fifteen_points = Later(lambda: tight(Mixture([.5, .5], Normal([-50, 30], [20, 20])), fifteen))
hasselblad = Later(lambda: fit(Mixture([.4, .6], Poisson([1., 3.])), deaths, sample_weight=days, tol=0, max_iter=6000, keep="ends"))

np.random.seed(0)
line = np.linspace(-5, 5, 20)
clusters = np.stack([line * np.random.rand(20) + 10, line * np.random.rand(20) - 10, line * np.random.rand(20)]).ravel()

# velocities of 82 galaxies, 1000 km/s
galaxies = np.array("""9172 9350 9483 9558 9775 10227 10406 16084 16170 18419 18552 18600 18927 19052 19070 19330 19343 19349 19440 19473 19529
19541 19547 19663 19846 19856 19863 19914 19918 19973 19989 20166 20175 20179 20196 20215 20221 20415 20629 20795 20821 20846 20875 20986
21137 21492 21701 21814 21921 21960 22185 22209 22242 22249 22314 22374 22495 22746 22747 22888 22914 23206 23241 23263 23484 23538 23542
23666 23706 23711 24129 24285 24289 24366 24717 24990 25633 26960 26995 32065 32789 34279""".split(), float) / 1000
galaxy = {1: Mixture([1], Normal([21], [5])), 2: Mixture([.9, .1], Normal([9.5, 22], [2, 8])),
          3: Mixture([.1, .8, .1], Normal([10, 21, 33], [.5, 2, 1]))}


# latent classes

# seven pathologists on 118 slides, carcinoma or not: Landis & Koch, Biometrics 33 (1977). Patterns, and how often each was seen
pathologists = """0000000:34 0000100:2 0100000:6 0100001:1 0100100:4 0100101:5 1000000:2 1010101:1 1100000:2 1100001:1 1100100:2 1100101:7
1100111:1 1101001:1 1101101:2 1101111:3 1110101:13 1110111:5 1111101:10 1111111:16"""
slides = np.array([[int(c) for c in word.split(":")[0]] for word in pathologists.split()])
seen = np.array([float(word.split(":")[1]) for word in pathologists.split()])
# 216 students in four situations of role conflict: Stouffer & Toby (1951)
students = np.array([[i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(16)])
answers = np.array([42, 23, 6, 25, 6, 24, 7, 38, 1, 4, 1, 6, 2, 9, 2, 20.])

def classes(x, w, K):
    "The best of a few fits of K latent classes."
    found = []
    for seed in range(8):
        p = np.random.default_rng(seed).uniform(.2, .8, (K, x.shape[1]))
        found.append(fit(Mixture(np.full(K, 1 / K), Categorical([np.column_stack([1 - q, q]) for q in p.T])), x, sample_weight=w, tol=1e-11, max_iter=100_000, keep="ends"))
    return max(found, key=lambda trace: trace.loglik)

def deviance(trace): return 2 * (seen @ np.log(seen / 118) - trace.loglik)

def pearson(trace):
    "Σ (seen − expected)² / expected over all 2⁷ patterns."
    share = np.exp(trace.model.log_prob(slides))
    return 118 * (((seen / 118 - share)**2 / share).sum() + 1 - share.sum())

carcinoma = Later(lambda: {K: classes(slides, seen, K) for K in (2, 3)})
conflict = Later(lambda: classes(students, answers, 2))
expected = Later(lambda: 216 * np.exp(conflict.model.log_prob(students)))


class Blood:
    "Gene counting for the blood groups A, B, AB, O: phenotypes, from the probabilities of the alleles a, b, o."
    def __init__(self, p): self.p = p

    def e_step(self, x):
        (a, b, o), (nA, nB, nAB, nO) = self.p, x
        f = np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])
        AA, BB = nA * a * a / f[0], nB * b * b / f[1]
        return type("Counts", (), {"loglik": float(np.dot(x, np.log(f))), "genes": (nA + AA + nAB, nB + BB + nAB, nA - AA + nB - BB + 2 * nO)})

    def m_step(self, expected): return Blood(np.array(expected.genes) / sum(expected.genes))
    def parameters(self): return {"p": np.array(self.p)}

blood = Later(lambda: fit(Blood((.3, .2, .5)), [186, 38, 13, 284], tol=0, max_iter=4))
certain = Later(lambda: standard_errors(fit(Linkage(.5), [125, 18, 20, 34], tol=0, max_iter=60), [125, 18, 20, 34]))
maize = Later(lambda: fit(Linkage(.5), [1997, 906, 904, 32], tol=0, max_iter=400))


contract = Later(lambda: fit(three((.46, .55, .67)), y))
ten, five = [5, 9, 8, 4, 7], [3, 2, 1, 3, 2]
linkage = Later(lambda: fit(Linkage(.5), [125, 18, 20, 34], tol=0, max_iter=30))
one_toss = Mixture([.5, .5], Binomial(5, [.2, .7])).components[0]

ROWS = [ # id, source, computed, printed, tolerance (half a unit of the last printed digit)
    ("P(B | x=1), P(B | x=0)", LI, lambda: coins.posterior((.46, .55, .67), [1, 0]), (.41151594, .53738318), 5e-9),
    ("the same from Mixture", LI, lambda: three((.46, .55, .67)).responsibilities([1, 0])[:, 0], (.41151594, .53738318), 5e-9),
    ("one step", LI, lambda: by_hand((.46, .55, .67), 1), (.461863, .534595, .656135), 1e-6),
    ("a fixed point", LI, lambda: by_hand((.46, .55, .67), 2), by_hand((.46, .55, .67), 1), 1e-14),
    ("one step from halves", LI, lambda: by_hand((.5, .5, .5), 1), (.5, .6, .6), 1e-12),
    ("one step from (0.4, 0.6, 0.7)", LI, lambda: by_hand((.4, .6, .7), 1), (.4064, .5368, .6432), 5e-5),
    *[(f"log-likelihood from {s}", LI, lambda s=s: coins.log_likelihood(by_hand(s, 1), y), -6.730117, 5e-7)
      for s in ((.46, .55, .67), (.5, .5, .5), (.4, .6, .7))],
    ("maximum on the ridge", LI, lambda: coins.log_likelihood((.3, .6, .6), y), 6 * np.log(.6) + 4 * np.log(.4), 1e-12),
    ("ridge", LI, lambda: coins.ridge(.6, .461863, .534595), .656135, 2e-6),
    ("weights of the fit", LI, lambda: contract.model.weights, (.461863, .538137), 1e-6),
    ("p of the fit", LI, lambda: contract.model.components[0].p, (.534595, .656135), 1e-6),
    ("log-likelihood of the fit", LI, lambda: contract.loglik, -6.730117, 5e-7),
    ("ten steps, with more digits", DO, lambda: soft(10, ten, [.6, .5], 10).components[0].p, (.7967, .5197), 5e-5),
    ("likelihood of each round, coin 1", FIVE, lambda: np.exp(one_toss.log_prob(five))[:, 0] / binom.pmf(five, 5, .5) / 32,
     (.00512, .02048, .08192, .00512, .02048), 5e-6),
    ("likelihood of each round, coin 2", FIVE, lambda: np.exp(one_toss.log_prob(five))[:, 1] / binom.pmf(five, 5, .5) / 32,
     (.03087, .01323, .00567, .03087, .01323), 5e-6),
    ("responsibilities of coin 1", FIVE, lambda: Mixture([.5, .5], Binomial(5, [.2, .7])).responsibilities(five)[:, 0],
     (.14, .61, .94, .14, .61), 5e-3),
    ("coin 1 after one step", FIVE, lambda: soft(5, five, [.2, .7], 1).components[0].p[0], .35, 5e-3),
    ("both coins after two steps", FIVE, lambda: soft(5, five, [.2, .7], 2).components[0].p, (.3996, .4797), 5e-5),
    ("both coins drift to", FIVE, lambda: limit(5, five, [.2, .7]).components[0].p, (.44, .44), 1e-4),
    ("E-step", DO, lambda: Mixture([.5, .5], Binomial(10, [.6, .5])).responsibilities(ten)[:, 0], (.4491, .8050, .7335, .3522, .6472), 5e-5),
    ("E-step by hand", DO, lambda: coins.posterior((.5, .6, .5), ten, m=10), (.4491, .8050, .7335, .3522, .6472), 5e-5),
    ("one step", DO, lambda: soft(10, ten, [.6, .5], 1).components[0].p, (.7130, .5813), 5e-5),
    ("ten steps, as printed", DO, lambda: soft(10, ten, [.6, .5], 10).components[0].p, (.80, .52), 5e-3),
    ("limit, equal weights", DO, lambda: limit(10, ten, [.6, .5]).components[0].p, (.796789, .519583), 5e-7),
    ("limit, free weights", DO, lambda: theta(limit(10, ten, [.6, .5], free=True)), (.5227, .7934, .5139), 6e-5),
    ("three iterates", DLR, lambda: [s.model.theta for s in linkage.steps[1:4]], (.608247423, .624321050, .626488879), 5e-10),
    ("limit", DLR, lambda: linkage.model.theta, (15 + 53809 ** .5) / 394, 1e-9),
    ("limit in decimals", DLR, lambda: linkage.model.theta, .6268214979, 1e-9),
    ("rate of convergence", DLR, lambda: linkage.rate, .132779, 1e-5),
    ("observed information", DLR, lambda: certain.observed[0, 0], 377.517, 5e-3),
    ("complete information", DLR, lambda: certain.complete[0, 0], 435.318, 5e-3),
    ("standard error", DLR, lambda: certain.errors[0], .051467, 5e-7),
    ("θ", MAIZE, lambda: maize.model.theta, .0357123, 5e-7),
    # one dimension
    ("weights", FIFTEEN, lambda: fifteen_points.model.weights, (.13317, .86683), 5e-6),
    ("means", FIFTEEN, lambda: fifteen_points.model.components[0].mean, (-57.511, 32.985), 5e-4),
    ("variances", FIFTEEN, lambda: fifteen_points.model.components[0].std**2, (90.25, 429.46), 5e-3),
    ("log-likelihood per point", FIFTEEN, lambda: fifteen_points.loglik / 15, -4.73756, 5e-6),
    ("the first two belong to component 1", FIFTEEN, lambda: fifteen_points.model.responsibilities(fifteen)[:2, 0], (.99996, .99763), 5e-6),
    ("first row of three clusters", TUTORIAL, lambda: Mixture(np.ones(3) / 3, Normal([-5, 8, 1.5], [5, 3, 1])).responsibilities(clusters)[0], (.0297644006, .970235407, 1.91912550e-07), 5e-10),
    ("waiting times, equal σ: weight", MIXTOOLS, lambda: equal.model.weights[0], .3608498, 5e-7),
    ("waiting times, equal σ: means", MIXTOOLS, lambda: equal.model.components[0].mean[:, 0], (54.61364, 80.09031), 2e-5),
    ("waiting times, equal σ: σ", MIXTOOLS, lambda: equal.model.components[0].cov.item()**.5, 5.869089, 5e-6),
    ("waiting times, equal σ: log-likelihood", MIXTOOLS, lambda: equal.loglik, -1034.002, 5e-4),
    ("waiting times, two σ: weight", PEARSON, lambda: free.model.weights[0], .3608868, 5e-6),
    ("waiting times, two σ: means", PEARSON, lambda: free.model.components[0].mean, (54.61489, 80.09109), 2e-4),
    ("waiting times, two σ: σ", PEARSON, lambda: free.model.components[0].std, (5.871241, 5.867718), 2e-4),
    *[(f"log-likelihood of {K} components", ROEDER, lambda K=K: tight(galaxy[K], galaxies).loglik, printed, 1e-2) for K, printed in {1: -240.42, 2: -220.19, 3: -203.48}.items()],
    # two dimensions and more
    ("log-likelihood", FAITHFUL, lambda: old_faithful.loglik, -1130.263960, 5e-7),
    ("weight", FAITHFUL, lambda: old_faithful.model.weights[0], .355873, 5e-7),
    ("means", FAITHFUL, lambda: old_faithful.model.components[0].mean, [(2.03639, 54.47852), (4.28966, 79.96812)], 5e-6),
    ("BIC", FAITHFUL, lambda: -bic(old_faithful.model, faithful), -2322.1917, 5e-5),
    ("tied, three components: log-likelihood", FAITHFUL, lambda: tied3.loglik, -1126.315928, 5e-7),
    ("faithful EEE,3: log-likelihood", MCLUST, lambda: tied3.loglik, -1126.326, .02),
    ("faithful EEE,3: BIC", MCLUST, lambda: -bic(tied3.model, faithful), -2314.316, .04),
    ("faithful VVV,2: BIC", MCLUST, lambda: -bic(old_faithful.model, faithful), -2322.192, .04),
    *[(f"iris {name},{K}: BIC", MCLUST, lambda K=K, name=name: score(iris, K, name), printed, .04) for K, printeds in {
        1: dict(EII=-1804.0854, EEI=-1522.1202, EEE=-829.9782),
        2: dict(EII=-1123.4117, VII=-1012.2352, EEI=-1042.9679, VVI=-857.5515, EEE=-688.0972, VVV=-574.0178),
        3: dict(EII=-878.7650, VII=-853.8144, EEI=-813.0504, EEE=-632.9647, VVV=-580.8396)}.items() for name, printed in printeds.items()],
    ("three components: log-likelihood", IRIS, lambda: clustered(iris, 3, "VVV").loglik, -180.185477, 5e-7),
    ("two components: log-likelihood", IRIS, lambda: clustered(iris, 2, "VVV").loglik, -214.354704, 5e-7),
    # counts and categories
    ("Times deaths: weight", HASSELBLAD, lambda: hasselblad.model.weights[0], .3598854, 5e-7),
    ("Times deaths: rates", HASSELBLAD, lambda: hasselblad.model.components[0].rate, (1.2560951, 2.6634044), 5e-7),
    ("Times deaths: log-likelihood", HASSELBLAD, lambda: hasselblad.loglik, -1989.945860, 5e-7),
    ("carcinoma, two classes: log-likelihood", AGRESTI, lambda: carcinoma[2].loglik, -317.2568, 5e-4),
    ("carcinoma, three classes: log-likelihood", AGRESTI, lambda: carcinoma[3].loglik, -293.705, 2e-2),
    ("carcinoma, three classes: BIC", AGRESTI, lambda: bic(carcinoma[3].model, slides, sample_weight=seen), 697.1357, 4e-2),
    ("carcinoma, three classes: likelihood-ratio χ²", AGRESTI, lambda: deviance(carcinoma[3]), 15.26171, 5e-4),
    ("carcinoma, three classes: Pearson's χ²", AGRESTI, lambda: pearson(carcinoma[3]), 20.50335, 2e-3),
    ("role conflict: log-likelihood", POLCA, lambda: conflict.loglik, -504.4677, 5e-5),
    ("role conflict: BIC", POLCA, lambda: bic(conflict.model, students, sample_weight=answers), 1057.313, 5e-4),
    ("role conflict: likelihood-ratio χ², more digits", POLCA, lambda: 2 * answers @ np.log(answers / expected()), 2.719922, 5e-6),
    ("role conflict: Pearson's χ², more digits", POLCA, lambda: ((answers - expected())**2 / expected()).sum(), 2.719764, 2e-5),
    ("role conflict: shares of the classes", GOODMAN, lambda: np.sort(conflict.model.weights), (.279, .721), 5e-4),
    ("role conflict: likelihood-ratio χ²", GOODMAN, lambda: 2 * answers @ np.log(answers / expected()), 2.72, 5e-3),
    ("role conflict: Pearson's χ²", GOODMAN, lambda: ((answers - expected())**2 / expected()).sum(), 2.72, 5e-3),
    ("blood groups: iterates of a", LANGE, lambda: [s.model.p[0] for s in blood.steps], (.3, .2321, .2160, .2139, .2136), 1e-4),
    ("blood groups: iterates of b", LANGE, lambda: [s.model.p[1] for s in blood.steps], (.2, .0550, .0503, .0502, .0501), 6e-5),
    ("blood groups: iterates of o", LANGE, lambda: [s.model.p[2] for s in blood.steps], (.5, .7129, .7337, .7359, .7363), 1e-4),
]


@pytest.mark.parametrize("source, computed, printed, atol", [r[1:] for r in ROWS], ids=[f"{r[1].split(',')[0]}: {r[0]}" for r in ROWS])
def test_number(source, computed, printed, atol):
    np.testing.assert_allclose(computed(), printed, rtol=0, atol=atol, err_msg=source)


def test_the_table_has_many_sources():
    assert len(ROWS) >= 20 and len({row[1] for row in ROWS}) >= 10


def test_the_fit_of_ten_tosses_converges_in_at_most_three_iterations():
    assert contract.reason == "converged" and contract.n_iter <= 3
