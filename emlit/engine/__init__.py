"The E-step of normals by matrix products, where that is safe: arrays in, sums out. It knows no family."
from emlit.engine.kernels import KERNELS, e_step_kernel, score_kernel
from emlit.engine.quadratic import QuadraticForm, cancellation, features, layout, natural_parameters, precisions
from emlit.engine.threads import cores, in_threads
