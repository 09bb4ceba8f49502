"""One package for ament_python (colcon build) and for pip (pip install .)."""

import os
from glob import glob

from setuptools import find_packages, setup

NAME = "nmap_reloc"
NODES = ["reloc_node", "tile_manager_node", "evaluation_node"]

ROBOT = [
    "numpy>=1.26",
    "onnxruntime>=1.19",
    "opencv-python-headless>=4.8.0.76",
    # No aarch64 wheel exists: a Jetson builds pycolmap itself or solves with OpenCV.
    'pycolmap>=4.0; platform_machine != "aarch64"',
    "rich>=13",
    "safetensors>=0.4.4",
    "transforms3d>=0.4.2",
    "typer>=0.16",
    "zstandard>=0.22",
]
TORCH = "torch==2.13.0"
TRAIN = [TORCH, "onnx>=1.16", "onnxscript>=0.5"]
MAPPING = [TORCH, "rosbags>=0.11.6", "pillow>=11.1", "pycolmap>=4.0", "scipy>=1.11",
           "faiss-cpu>=1.9"]
EVALUATION = ["matplotlib>=3.8", "pillow>=11.1"]
SIMULATION = ["trimesh>=4", "embreex>=2.17.7.post4", "rosbags>=0.11.6"]
STANDALONE = ["cyclonedds>=11.0.1", "rosbags>=0.11.6", "pyyaml>=6.0.1"]
JETSON = ["pycuda>=2022.1"]  # TensorRT itself comes with JetPack
TEST = ["pytest>=8.4", "ruff>=0.9", "mypy>=1.14", "scipy>=1.11", "osqp>=1.0",
        "types-setuptools", "types-PyYAML"]
OFFLINE = TRAIN + MAPPING + EVALUATION + SIMULATION + STANDALONE


def data_files() -> list[tuple[str, list[str]]]:
    """What ament expects under share/: the index marker, the manifest, launch and config files."""
    share = os.path.join("share", NAME)
    files = [
        (os.path.join("share", "ament_index", "resource_index", "packages"),
         [os.path.join("resource", NAME)]),
        (share, ["package.xml"]),
    ]
    for folder in ("launch", "config"):
        found = sorted(path for path in glob(os.path.join(folder, "*")) if os.path.isfile(path))
        if found:
            files.append((os.path.join(share, folder), found))
    return files


setup(
    name=NAME,
    version="0.1.0",
    description="Visual relocalization against compressed neural maps",
    license="Apache-2.0",
    maintainer="nmap_reloc maintainers",
    maintainer_email="maintainers@example.com",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, NAME + ".*"]),
    package_data={NAME: ["py.typed", "weights/*", "weights/*/*"]},
    data_files=data_files(),
    zip_safe=False,
    install_requires=ROBOT,
    extras_require={
        "train": TRAIN,
        "mapping": MAPPING,
        "evaluation": EVALUATION,
        "simulation": SIMULATION,
        "standalone": STANDALONE,
        "jetson": JETSON,
        "test": TEST,
        "dev": TEST + OFFLINE,
    },
    entry_points={"console_scripts": [
        "nmap-reloc = nmap_reloc.cli.main:main",
        *(f"{node} = nmap_reloc.executables:{node}" for node in NODES),
    ]},
)
