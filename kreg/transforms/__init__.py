"""Model in, model out: put regularization in, take dead units out."""

from kreg.transforms._regularize import regularize as regularize
