# A recipe for Spack, of the project's folder as it is:
#   spack repo add .packaging/spack
#   spack dev-build harmonia@0.1.0
from spack.package import *


class Harmonia(MakefilePackage):
    """Trains image-harmonization networks on CPUs over MPI, evaluates and applies
    them; with the library libharmonia."""

    version("0.1.0")

    depends_on("c", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("perl", type=("build", "test"))
    depends_on("mpi")
    depends_on("openblas threads=pthreads")
    depends_on("hdf5~mpi")
    depends_on("libpng")
    depends_on("jpeg")
    depends_on("zlib-api")
    depends_on("libdeflate")
    depends_on("lcms")
    depends_on("minizip")
    depends_on("jansson")

    @property
    def build_targets(self):
        return ["CC=cc", "MPICC=" + self.spec["mpi"].mpicc]

    @property
    def install_targets(self):
        return ["install", "PREFIX=" + self.prefix] + self.build_targets

    def setup_run_environment(self, env):
        env.prepend_path("PYTHONPATH", self.prefix.share.harmonia.python)
