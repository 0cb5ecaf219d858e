"""Model in, model out: put regularization in, take dead units out."""

from kreg.transforms._compact import compact as compact
from kreg.transforms._importance import importance as importance
from kreg.transforms._regularize import regularize as regularize
from kreg.transforms._report import CompactReport as CompactReport
