"""The competitors. Each one makes the same number of EM iterations from the same start.

A peer is a class with `name`, `version()`, which raises ImportError where the peer is absent, and
`fit(x, start, reg, m)`, which makes m iterations and returns the seconds they took (with what else
the library does in a fit: a difference of two such times is free of it) and the Parameters reached.
`refuses(case)` says why a case is not run, or nothing. `default(x, K)` is a whole fit by the library's
defaults: the seconds, the Parameters, and how many iterations it says it made (or None).
"""
import inspect
import json
import subprocess
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from shutil import which
from time import perf_counter

import numpy as np

import naive
from cases import Parameters


def awake():
    "Keep the processor busy for a moment: one that slept is slow at first, which would count most against the fastest."
    end = perf_counter() + 0.03
    while perf_counter() < end: pass


def timed(f, *args, **kw):
    "The seconds that a call takes, and its result."
    awake()
    begin = perf_counter()
    result = f(*args, **kw)
    return perf_counter() - begin, result


def precisions(covs):
    "The inverses, symmetric to the last digit, as scikit-learn wants them."
    W = np.linalg.inv(np.linalg.cholesky(covs))
    return W.swapaxes(-1, -2) @ W


class Peer:
    "What peers share."
    name = "?"
    module = "?"

    def version(self):
        __import__(self.module)
        return version(self.module)

    def refuses(self, case): return None
    def rows(self, case): return case.n # how many rows are run; the time is scaled to all
    own_start = False   # True where a start cannot be given, so that ℓ is another
    default = None


class Emlit(Peer):
    name = module = "emlit"

    def version(self):
        import emlit
        return emlit.__version__

    def refuses(self, case):
        if case.reg and "reg_covar" not in inspect.signature(self._family()).parameters:
            return "MultivariateNormal has no reg_covar yet"

    def _family(self):
        from emlit import MultivariateNormal
        return MultivariateNormal

    def model(self, start, reg=0.0):
        from emlit import Mixture
        return Mixture(start.weights, self._family()(start.means, start.covs, **({"reg_covar": reg} if reg else {})))

    def options(self):
        from emlit import fit
        return {"keep": "ends"} if "keep" in inspect.signature(fit).parameters else {}

    def fit(self, x, start, reg, m):
        from emlit import fit
        seconds, trace = timed(fit, self.model(start, reg), x, tol=0, max_iter=m, **self.options())
        if trace.n_iter != m: raise RuntimeError(f"stopped after {trace.n_iter} iterations: {trace.message}")
        model = trace.model
        return seconds, Parameters(model.weights, model.components[0].mean, model.components[0].cov)

    def default(self, x, K):
        import emlit
        if not hasattr(emlit, "GaussianMixture"): return self._by_hand(x, K)
        model = emlit.GaussianMixture(K, random_state=0)
        seconds, _ = timed(model.fit, x)
        return seconds, Parameters(model.weights_, model.means_, model.covariances_), model.n_iter_

    def _by_hand(self, x, K):
        "Until there is an estimator: its likely parts."
        from emlit import fit
        from emlit.starts import kmeans, start
        def whole(): return fit(start(self._family(), x, kmeans(x, K, np.random.default_rng(0))), x)
        seconds, trace = timed(whole)
        model = trace.model
        return seconds, Parameters(model.weights, model.components[0].mean, model.components[0].cov), trace.n_iter


class EmlitNormal(Emlit):
    "The univariate family, which goes its own way."
    name = "emlit, Normal"
    default = None
    def refuses(self, case): return None if case.d == 1 else "for one dimension only"

    def fit(self, x, start, reg, m):
        from emlit import Mixture, Normal, fit
        model = Mixture(start.weights, Normal(start.means[:, 0], np.sqrt(start.covs[:, 0, 0])))
        seconds, trace = timed(fit, model, x[:, 0], tol=0, max_iter=m, **self.options())
        block = trace.model.components[0]
        return seconds, Parameters(trace.model.weights, block.mean[:, None], np.square(block.std)[:, None, None])


class EmlitRows(Emlit):
    "An E-step over all rows in every iteration, where fewer numbers would do (chapter 12d)."
    name = "emlit, all rows"
    default = None

    def refuses(self, case): return None if case.d == 1 else "with several columns that is what emlit does anyway"
    def options(self): return super().options() | {"squash": False}


class EmlitNumba(Emlit):
    "The compiled loops, for which the extra `fast` has to be installed."
    name, module = "emlit, numba", "numba"
    default = None

    def version(self):
        import numba
        return numba.__version__

    def refuses(self, case):
        if case.d > 3 * case.K or case.d > 36: return "with so many columns both engines do the same"
        return super().refuses(case)

    def options(self): return super().options() | {"engine": "numba", "squash": False}


class Sklearn(Peer):
    name = module = "scikit-learn"

    def version(self):
        import sklearn
        return sklearn.__version__

    def fit(self, x, start, reg, m):
        from sklearn.mixture import GaussianMixture
        model = GaussianMixture(len(start.weights), tol=0, reg_covar=reg, max_iter=m, weights_init=start.weights,
                                means_init=start.means, precisions_init=precisions(start.covs))
        seconds, _ = timed(model.fit, x)
        return seconds, Parameters(model.weights_, model.means_, model.covariances_)

    def default(self, x, K):
        from sklearn.mixture import GaussianMixture
        model = GaussianMixture(K, random_state=0)
        seconds, _ = timed(model.fit, x)
        return seconds, Parameters(model.weights_, model.means_, model.covariances_), model.n_iter_


class Loops(Peer):
    "The textbook's loops; on large data a part of the rows, as its time is proportional to them."
    name = "textbook loops"
    def version(self): return "benchmarks/naive.py"
    def rows(self, case): return min(case.n, max(5, 20_000 // (case.K * (10 + case.d**2))))

    def fit(self, x, start, reg, m):
        seconds, p = timed(naive.em, x, *start, m)
        return seconds, Parameters(*p)


class Mixem(Peer):
    name = module = "mixem"

    def refuses(self, case):
        if case.d > 1 and case.n > 5000: return f"its M-step would make a matrix of {case.n} × {case.n}"
        if case.reg: return "it cannot regularise"

    def _distributions(self, start):
        import mixem.distribution as D
        if start.means.shape[1] > 1: return [D.MultivariateNormalDistribution(a, b) for a, b in zip(start.means, start.covs)]
        return [D.NormalDistribution(a, b) for a, b in zip(start.means[:, 0], np.sqrt(start.covs[:, 0, 0]))]

    def fit(self, x, start, reg, m):
        import mixem
        data = x[:, 0] if x.shape[1] == 1 else x
        seconds, (weights, found, _) = timed(mixem.em, data, self._distributions(start), start.weights,
                                             max_iterations=m - 1, tol=-np.inf, progress_callback=None) # it makes one more
        d = x.shape[1]
        covs = [np.reshape(f.sigma if d > 1 else f.sigma**2, (d, d)) for f in found]
        return seconds, Parameters(weights, np.array([np.reshape(f.mu, d) for f in found]), np.array(covs))


class Tgmm(Peer):
    name = module = "tgmm"

    def fit(self, x, start, reg, m):
        import torch
        from tgmm import GaussianMixture
        w, means, covs = (torch.tensor(a) for a in start)
        model = GaussianMixture(len(w), x.shape[1], max_iter=m, tol=1e-300, reg_covar=reg,
                                init_weights=w, init_means=means, init_covariances=covs, device="cpu")
        seconds, _ = timed(model.fit, torch.from_numpy(x))
        return seconds, self._parameters(model)

    def _parameters(self, model): return Parameters(*(np.asarray(a.detach()) for a in (model.weights_, model.means_, model.covariances_)))

    def default(self, x, K):
        import torch
        from tgmm import GaussianMixture
        model = GaussianMixture(K, random_state=0, device="cpu")
        seconds, _ = timed(model.fit, torch.from_numpy(x))
        return seconds, self._parameters(model), int(model.n_iter_)


class Pomegranate(Peer):
    name = module = "pomegranate"
    def refuses(self, case): return "it cannot regularise" if case.reg else None

    def fit(self, x, start, reg, m):
        import torch
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel
        parts = [Normal(torch.tensor(a), torch.tensor(b)) for a, b in zip(start.means, start.covs)]
        model = GeneralMixtureModel(parts, torch.tensor(start.weights), max_iter=m, tol=-np.inf)
        with torch.no_grad(): seconds, _ = timed(model.fit, torch.from_numpy(x))
        return seconds, self._parameters(model)

    def _parameters(self, model):
        parts = model.distributions
        return Parameters(*(np.asarray(a, float) for a in (model.priors.detach(), [d.means.detach().numpy() for d in parts],
                                                           [d.covs.detach().numpy() for d in parts])))


class Mlpack(Peer):
    "It takes no start: `input_model` is read, and then k-means is run all the same. So only its time can be compared."
    name = module = "mlpack"
    own_start = True

    def refuses(self, case): return "it cannot regularise" if case.reg else None

    def fit(self, x, start, reg, m):
        from mlpack import gmm_train
        seconds, out = timed(gmm_train, input_=x, gaussians=len(start.weights), seed=1, kmeans_max_iterations=1,
                             tolerance=0.0, max_iterations=m + 1, no_force_positive=True) # it makes one less
        return seconds, self._parameters(out["output_model"])

    def _parameters(self, model):
        inner = model.get_cpp_params()["GMM"]
        d = inner["dimensionality"]
        return Parameters(np.ravel(inner["weights"]), np.array([np.reshape(p["mean"], d) for p in inner["dists"]]),
                          np.array([np.reshape(p["covariance"], (d, d)) for p in inner["dists"]]))

    def default(self, x, K):
        from mlpack import gmm_train
        seconds, out = timed(gmm_train, input_=x, gaussians=K, seed=1)
        return seconds, self._parameters(out["output_model"]), None


class Mclust(Peer):
    name = "mclust (R)"
    def refuses(self, case): return "it cannot regularise" if case.reg else None

    def version(self):
        if not which("Rscript"): raise ImportError("there is no Rscript on the PATH")
        done = subprocess.run(["Rscript", "-e", 'cat(as.character(packageVersion("mclust")), R.version.string)'], capture_output=True, text=True)
        if done.returncode: raise ImportError("R has no package mclust")
        return done.stdout

    def _run(self, x, start, m):
        (n, d), K = x.shape, len(start.weights)
        with tempfile.TemporaryDirectory() as folder:
            for name, a in {"x": x, **start._asdict()}.items(): np.ascontiguousarray(a, float).tofile(Path(folder) / name)
            script = Path(__file__).parent / "mclust.R"
            done = subprocess.run(["Rscript", script, folder, *map(str, (n, d, K, m))], capture_output=True, text=True)
            if done.returncode: raise RuntimeError(done.stderr.strip().splitlines()[-1])
            out = np.fromfile(Path(folder) / "out")
        seconds, weights, means, covs = np.split(out, np.cumsum([1, K, K * d]))
        return float(seconds[0]), Parameters(weights, means.reshape(K, d), covs.reshape(K, d, d))

    def fit(self, x, start, reg, m): return self._run(x, start, m)

    def default(self, x, K):
        if len(x) > 5000: raise RuntimeError("its default start compares all pairs of points")
        d = x.shape[1]
        return *self._run(x, Parameters(np.ones(K), np.zeros((K, d)), np.zeros((K, d, d))), 0), None


PEERS = {p.name: p for p in (Emlit(), EmlitRows(), EmlitNormal(), EmlitNumba(), Sklearn(), Tgmm(), Pomegranate(), Mlpack(), Mclust(), Mixem(), Loops())}
