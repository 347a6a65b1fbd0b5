# m iterations of mclust's EM, timed inside R.
# Rscript mclust.R FOLDER n d K m   reads x, weights, means and covs (doubles) from FOLDER and writes out
suppressPackageStartupMessages(library(mclust))
a <- commandArgs(trailingOnly = TRUE); folder <- a[1]; n <- as.integer(a[2]); d <- as.integer(a[3]); K <- as.integer(a[4]); m <- as.integer(a[5])
load <- function(name, size) readBin(file.path(folder, name), "double", size)
x <- matrix(load("x", n * d), n, d, byrow = TRUE)
pro <- load("weights", K); mean <- matrix(load("means", K * d), d, K); sigma <- array(load("covs", K * d * d), c(d, d, K))
write <- function(...) { out <- file(file.path(folder, "out"), "wb"); writeBin(as.double(c(...)), out); close(out) }
if (m > 0) {
  if (d == 1) { model <- "V"; x <- x[, 1]; mean <- mean[1, ]; variance <- list(modelName = "V", d = 1, G = K, sigmasq = sigma[1, 1, ])
  } else { model <- "VVV"; variance <- list(modelName = "VVV", d = d, G = K, sigma = sigma, cholsigma = array(apply(sigma, 3, chol), c(d, d, K))) }
  control <- emControl(eps = 0, tol = c(0, 0), itmax = c(m, m))
  begin <- Sys.time(); fit <- em(data = x, modelName = model, parameters = list(pro = pro, mean = mean, variance = variance), control = control)
} else { # a whole default fit of this structure
  begin <- Sys.time(); fit <- Mclust(if (d == 1) x[, 1] else x, G = K, modelNames = if (d == 1) "V" else "VVV", verbose = FALSE)
}
took <- as.numeric(Sys.time() - begin, units = "secs")
if (is.null(fit)) stop("Mclust found no model")
p <- fit$parameters
write(took, p$pro, p$mean, if (d == 1) rep(p$variance$sigmasq, length.out = K) else p$variance$sigma)
