"""Triangle meshes as plain arrays: vertices (N, 3) and faces (M, 3)."""

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from examples.render.body import Flags, Floats, Ints


def edges(faces: Ints) -> Ints:
    """Return every face's three edges, (3 M, 2), smaller vertex first."""
    stacked: Ints = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.sort(stacked, axis=1)


def border_edges(faces: Ints) -> Ints:
    """Return the edges that belong to one face only, (K, 2)."""
    unique, count = np.unique(edges(faces), axis=0, return_counts=True)
    chosen: Ints = unique[count == 1]
    return chosen


def neighbours(count: int, links: Ints) -> csr_array:
    """Return the symmetric (count, count) matrix with a one where two vertices share a link."""
    both = np.vstack([links, links[:, ::-1]])
    matrix = csr_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(count, count))
    matrix.data[:] = 1
    return matrix


def smooth(vertices: Floats, matrix: csr_array, amount: float) -> Floats:
    """Move each vertex by `amount` (0..1) of the way to the mean of its neighbours."""
    degree = np.asarray(matrix.sum(axis=1)).reshape(-1, 1)
    mean = (matrix @ vertices) / np.maximum(degree, 1)
    moved: Floats = np.where(degree > 0, vertices + amount * (mean - vertices), vertices)
    return moved


def normals(vertices: Floats, faces: Ints) -> Floats:
    """Return unit vertex normals, weighted by face area, (N, 3)."""
    corner = vertices[faces]
    face_normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], face_normal)
    unit: Floats = total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)
    return unit


def grow(keep: Flags, faces: Ints, rings: int) -> Flags:
    """Add (rings > 0) or remove (rings < 0) rings of vertices at the rim."""
    matrix = neighbours(len(keep), edges(faces))
    state = keep if rings > 0 else ~keep
    for _ in range(abs(rings)):
        state = state | (matrix @ state.astype(np.float64) > 0)
    return state if rings > 0 else ~state


def largest_part(keep: Flags, faces: Ints) -> tuple[Ints, Ints]:
    """Return the largest connected piece whose vertices are all kept: (numbers, its own faces)."""
    inside = faces[keep[faces].all(axis=1)]
    _, label = connected_components(neighbours(len(keep), edges(inside)), directed=False)
    inside = inside[label[inside[:, 0]] == np.bincount(label[inside[:, 0]]).argmax()]
    numbers, renamed = np.unique(inside, return_inverse=True)
    return numbers, renamed.reshape(-1, 3)


def shell(vertices: Floats, faces: Ints, offset: float, rounds: int) -> Floats:
    """Offset an open surface by `offset` metres, with smoothing and even rims."""
    inner = neighbours(len(vertices), edges(faces))
    rim_links = border_edges(faces)
    rim = neighbours(len(vertices), rim_links)
    on_rim = np.zeros((len(vertices), 1), bool)
    on_rim[np.unique(rim_links)] = True
    for _ in range(rounds):
        vertices = vertices + normals(vertices, faces) * (offset / rounds)
        vertices = np.where(on_rim, smooth(vertices, rim, 0.5), smooth(vertices, inner, 0.55))
    return vertices


def subdivide(vertices: Floats, faces: Ints) -> tuple[Floats, Ints]:
    """Split each triangle in four at its edges' midpoints."""
    unique, index = np.unique(edges(faces), axis=0, return_inverse=True)
    ab, bc, ca = index.reshape(3, -1) + len(vertices)
    a, b, c = faces.T
    quarters = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    split: Ints = np.vstack([np.stack(q, axis=1) for q in quarters])
    return np.vstack([vertices, vertices[unique].mean(axis=1)]), split


def drape(vertices: Floats, torso: Flags, slope: float) -> Floats:
    """Let fabric around the trunk fall from protruding points instead of following hollows.

    In cylinder coordinates about the trunk's axis, the radius below a point may shrink by no more
    than `slope` metres per metre of height. Only `torso` vertices move.
    """
    axis = np.array([0.0, np.median(vertices[torso, 1])])
    flat = vertices[:, :2] - axis
    radius = np.hypot(flat[:, 0], flat[:, 1])
    turns, levels = 72, 120
    low, high = vertices[torso, 2].min(), vertices[torso, 2].max()
    column = (np.arctan2(flat[:, 1], flat[:, 0]) / (2 * np.pi) % 1) * turns
    row = (high - vertices[:, 2]) / (high - low) * (levels - 1)
    grid = np.zeros((levels, turns))
    at = (np.clip(row[torso], 0, levels - 1).astype(int), column[torso].astype(int) % turns)
    np.maximum.at(grid, at, radius[torso])
    step = slope * (high - low) / (levels - 1)
    for k in range(1, levels):
        grid[k] = np.maximum(grid[k], grid[k - 1] - step)
    grid = gaussian_filter(grid, (4, 2), mode=("nearest", "wrap"))
    wide = map_coordinates(grid, [row, column - 0.5], order=1, mode="grid-wrap")
    # Shoulders are no cylinder, so the effect fades in over the first twelve centimetres.
    fade = np.clip((high - 0.10 - vertices[:, 2]) / 0.12, 0, 1) * torso
    factor = 1 + fade * (np.maximum(wide, radius) / np.maximum(radius, 1e-6) - 1)
    moved = vertices.copy()
    moved[:, :2] = axis + flat * factor[:, None]
    return moved


def nearest(points: Floats, queries: Floats, count: int) -> tuple[Floats, Ints]:
    """Find the `count` points nearest to each query: distances and numbers, (n, count) each."""
    distance, number = cKDTree(points).query(queries, k=list(range(1, count + 1)))
    return np.asarray(distance, np.float64), np.asarray(number, np.int64)


def push_out(surface: BVHTree, points: Floats, clearance: Floats) -> Floats:
    """Lift points (n, 3) to at least `clearance` (n,) metres above a surface within 6 cm."""
    lifted = points.copy()
    for i, point in enumerate(points):
        near, normal, _, _ = surface.find_nearest(Vector(point), 0.06)
        if near is not None and (Vector(point) - near).dot(normal) < clearance[i]:
            lifted[i] = near + normal * clearance[i]
    return lifted
