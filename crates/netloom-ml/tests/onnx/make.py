"""Makes the ONNX models that tests/onnx.rs reads, and what onnxruntime says of rows.csv.

    pip install scikit-learn pandas skl2onnx onnx onnxruntime
    python make.py

Models of scikit-learn go through skl2onnx; those named torch-* are the graphs that torch.onnx.export
writes for small networks (Gemm with transB, initializers, a batch that may have any size).
"""

import csv
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
NUMBERS = ["duration", "fwd_bytes", "bwd_packets"]
rng = np.random.default_rng(7)


def table(rows):
    kind = rng.integers(0, 3, rows)
    frame = pd.DataFrame(
        {
            "duration": rng.exponential(1 + kind).round(4),
            "fwd_bytes": np.exp(rng.normal(4 + kind, 1)).round(1),
            "bwd_packets": rng.poisson(3 + 4 * kind).astype(float),
            "service": np.where(rng.random(rows) < 0.3, "other", np.array(["dns", "http", "ssh"])[kind]),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "duration"] = np.nan
    return frame, kind


frame, kind = table(300)
unseen, _ = table(30)
unseen.loc[3, "service"] = "gopher"
unseen.to_csv(HERE / "rows.csv", index=False)
text = np.array(["benign", "flood", "scan"])[kind]
binary = (kind > 1).astype(int)
X = frame[NUMBERS].to_numpy(np.float32)


def save(name, model, columns=True):
    if columns:
        fact = model.metadata_props.add()
        fact.key, fact.value = "netloom.columns", ",".join(NUMBERS)
    onnx.checker.check_model(model)
    path = HERE / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {}
    for given in session.get_inputs():
        wanted = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}
        names = [given.name] if given.name in unseen else NUMBERS
        inputs[given.name] = unseen[names].to_numpy().astype(wanted[given.type])
    scores = session.run(None, inputs)[-1]
    if isinstance(scores, list):
        scores = np.array([list(row.values()) for row in scores])
    if name.endswith("-logits"):
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    scores = scores.reshape(len(unseen), -1)
    if scores.shape[1] == 1:
        scores = np.hstack([1 - scores, scores])
    with open(HERE / f"{name}.csv", "w", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([[f"{p:.8f}" for p in row] for row in scores.tolist()])


def pipeline(name, *steps, target=text, zipmap=False, **options):
    model = make_pipeline(SimpleImputer(), *steps).fit(X, target)
    save(name, to_onnx(model, X[:1], options={"zipmap": zipmap}, **options))


pipeline("decision-tree", DecisionTreeClassifier(max_depth=4))
pipeline("random-forest", RandomForestClassifier(8, max_depth=4))
pipeline("random-forest-two", RandomForestClassifier(8, max_depth=4), target=binary, zipmap=True)
pipeline("extra-trees", ExtraTreesClassifier(8, max_depth=4), zipmap=True)
pipeline("gradient-boosting", GradientBoostingClassifier(n_estimators=8))
pipeline("gradient-boosting-two", GradientBoostingClassifier(n_estimators=8), target=binary)
pipeline("logistic", StandardScaler(), LogisticRegression(), zipmap=True)
pipeline("logistic-two", RobustScaler(), LogisticRegression(), target=binary)
pipeline("sgd", StandardScaler(), SGDClassifier(loss="log_loss"))
pipeline("sgd-two", MaxAbsScaler(), SGDClassifier(loss="log_loss"), target=binary)
pipeline("mlp", StandardScaler(), MLPClassifier((6,), max_iter=30))
pipeline("mlp-two", MinMaxScaler(), MLPClassifier((6, 4), activation="tanh", max_iter=30), target=binary)
pipeline("naive-bayes", StandardScaler(), GaussianNB())
pipeline("calibrated", CalibratedClassifierCV(DecisionTreeClassifier(max_depth=3), cv=2))
pipeline("ada-boost", AdaBoostClassifier(n_estimators=3))
pipeline("normalized", Normalizer(), LogisticRegression())
pipeline("polynomial", StandardScaler(), PolynomialFeatures(2), LogisticRegression())
pipeline("power", PowerTransformer(), LogisticRegression())

for name, encoder in [
    ("one-hot", OneHotEncoder(handle_unknown="ignore")),
    ("ordinal", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
]:
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("names", encoder, ["service"]),
        ]
    )
    model = make_pipeline(columns, RandomForestClassifier(6, max_depth=4)).fit(frame, text)
    types = [(column, FloatTensorType([None, 1])) for column in NUMBERS] + [("service", StringTensorType([None, 1]))]
    save(name, to_onnx(model, initial_types=types, options={"zipmap": False}), columns=False)


def torch_like(name, nodes, sizes, outputs):
    weights = []
    for place, (inner, outer) in enumerate(sizes):
        weights.append(numpy_helper.from_array(rng.normal(0, 0.4, (outer, inner)).astype(np.float32), f"fc{place}.weight"))
        weights.append(numpy_helper.from_array(rng.normal(0, 0.4, outer).astype(np.float32), f"fc{place}.bias"))
    for what, numbers in [("weight", (0.5, 1.5)), ("bias", (-1, 1)), ("running_mean", (-1, 1)), ("running_var", (0.5, 2))]:
        weights.append(numpy_helper.from_array(rng.uniform(*numbers, sizes[0][1]).astype(np.float32), f"bn.{what}"))
    scale = numpy_helper.from_array(np.array([0.5, 0.002, 0.05], np.float32), "scale")
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    clean = [
        helper.make_node("IsNaN", ["input"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "input"], ["known"]),
        helper.make_node("Mul", ["known", "scale"], ["scaled"]),
    ]
    graph = helper.make_graph(
        clean + nodes,
        "main_graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", outputs])],
        weights + [scale, zero],
    )
    model = helper.make_model(graph, producer_name="pytorch", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(name, model)


def gemm(place, given, made):
    return helper.make_node("Gemm", [given, f"fc{place}.weight", f"fc{place}.bias"], [made], transB=1)


torch_like(
    "torch-logits",
    [
        gemm(0, "scaled", "a"),
        helper.make_node("BatchNormalization", ["a", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        gemm(1, "c", "output"),
    ],
    [(3, 8), (8, 4)],
    4,
)
torch_like(
    "torch-sigmoid",
    [
        gemm(0, "scaled", "a"),
        helper.make_node("LeakyRelu", ["a"], ["b"], alpha=0.1),
        gemm(1, "b", "c"),
        helper.make_node("Sigmoid", ["c"], ["output"]),
    ],
    [(3, 8), (8, 1)],
    1,
)
