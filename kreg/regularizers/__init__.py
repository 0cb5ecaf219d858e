"""Penalties on weights and activities, with strengths that are state."""

from kreg.regularizers._elastic_net import L1L2 as L1L2
from kreg.regularizers._elastic_net import ElasticNet as ElasticNet
from kreg.regularizers._group_lasso import GroupLasso as GroupLasso
from kreg.regularizers._group_lasso import SparseGroupLasso as SparseGroupLasso
from kreg.regularizers._hoyer import Hoyer as Hoyer
from kreg.regularizers._lasso import L1 as L1
from kreg.regularizers._orthogonal import Orthogonal as Orthogonal
from kreg.regularizers._penalty import Penalty as Penalty
from kreg.regularizers._ridge import L2 as L2
from kreg.regularizers._spectral import NuclearNorm as NuclearNorm
from kreg.regularizers._spectral import SpectralNorm as SpectralNorm
from kreg.regularizers._sum import Sum as Sum
