"""What a solver returns."""

import math

import pytest

from reluctant import Certificate, ReLUNetwork, Solution, approximate, interpolate, regress
from reluctant.solution import LineSolution

NONE = Certificate("neurons", 0, "none", "a search")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("knots", 1, "proved", ""), "quantity"),
        (("neurons", 1, "sure", ""), "kind"),
        (("neurons", float("nan"), "proved", ""), "lower_bound"),
    ],
)
def test_certificates_that_mean_nothing_are_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        Certificate(*arguments)


def test_certificate_says_what_it_claims():
    generic = Certificate("value", 1.5, "generic", "counting")
    assert str(generic) == "an ℓp value of at least 1.5, for almost all labels: counting"
    assert str(NONE).startswith("nothing is claimed")


def test_solution_without_network_or_function_is_refused():
    with pytest.raises(ValueError, match="network or a function"):
        Solution(p=0, value=0.0, max_error=0.0, certificate=NONE)


def test_network_of_the_line_is_built_once_and_counts_as_the_function():
    solution = interpolate([0, 1, 2, 3], [0, 1, 0, 0])
    assert "network" not in vars(solution)
    assert solution.n_neurons == 2
    assert solution.network is solution.network
    assert solution.network.n_neurons == 2
    assert solution.n_parameters == solution.network.n_parameters


def test_prediction_uses_the_function_if_there_is_one_else_the_network():
    f = ReLUNetwork([1], [0], [1])
    assert Solution(network=f, p=0, value=1.0, max_error=0.0, certificate=NONE).predict(2.0) == 2.0
    function = interpolate([0, 1], [5, 5]).function
    both = Solution(network=f, p=0, value=1.0, max_error=0.0, certificate=NONE, function=function)
    assert both.predict(2.0) == 5.0
    assert both.n_neurons == 1


def test_representations_name_neurons_and_certificate():
    solution = interpolate([0, 1, 2], [0, 1, 0])
    assert repr(solution) == "<Solution p=0: 1 neuron, proved minimal; largest error 0>"
    assert str(solution) == "1 neuron, proved minimal; ℓp value 1, largest error 0"


NETWORK = ReLUNetwork([[1.0, 1.0], [1.0, 0.0]], [0.5, 0.0], [1.0, -1.0])  # 2 neurons, 4 parameters


def test_a_bound_for_some_functions_names_them_in_every_sentence():
    known = Certificate("neurons", 2, "proved", "a test", among="networks of even size")
    solution = Solution(network=NETWORK, p=0, value=2.0, max_error=0.0, certificate=known)
    assert solution.verdict == "2 neurons, proved minimal among networks of even size"
    assert str(known) == "at least 2 neurons, as is proved among networks of even size: a test"


@pytest.mark.parametrize(
    ("certificate", "gap", "optimal", "words"),
    [
        (("neurons", 2, "proved"), 0, True, "2 neurons, proved minimal"),
        (("neurons", 1, "proved"), 1, False, "2 neurons; at least 1 proved"),
        (("parameters", 4, "generic"), 0, False, "4 parameters; 4 needed for almost all labels"),
        (("parameters", 0, "none"), math.inf, False, "4 parameters; no lower bound is known"),
        (("value", 3.0, "proved"), 0.0, True, "ℓp value 3, proved minimal"),
        (("value", 3.0 * (1 - 1e-10), "proved"), 3e-10, True, "ℓp value 3, proved minimal"),
        (("value", 2.9, "proved"), 0.1, False, "ℓp value 3; at least 2.9 proved"),
        (("objective", 0.5, "proved"), 0.1, False, "objective 0.6; at least 0.5 proved"),
    ],
)
def test_only_a_proved_bound_that_is_met_makes_a_solution_minimal(certificate, gap, optimal, words):
    quantity, bound, kind = certificate
    fields = {"alpha": 0.1, "mean_loss": 0.3} if quantity == "objective" else {}
    known = Certificate(quantity, bound, kind, "a test")
    solution = Solution(network=NETWORK, p=1, value=3.0, max_error=0.0, certificate=known, **fields)
    assert solution.gap == pytest.approx(gap)
    assert solution.is_optimal is optimal
    assert solution.verdict == words
    assert words in repr(solution)
    assert words in str(solution)


@pytest.mark.parametrize(
    "solution",
    [
        interpolate([0, 1, 2], [0, 1, 0]),
        interpolate([0, 1, 2], [0, 1, 0], affine=False),
        approximate([0, 1, 2], [0, 1, 0], tolerance=0.1),
        regress([0, 1, 2], [0, 1, 0], alpha=0.01),
    ],
)
def test_solutions_of_the_line_have_a_function_and_keep_their_type(solution):
    changed = solution.replace(p=None)
    assert type(solution) is type(changed) is LineSolution
    assert changed.function is solution.function


def test_breakpoints_are_the_segments_and_give_the_function():
    x = [0, 1, 2, 3, 4, 5, 6]
    solution = approximate(x, [0, 1, 4, 9, 4, 1, 0], tolerance=0.25)
    table = solution.breakpoints()
    assert len(table) == solution.n_neurons + 1
    assert (table["start"][1:] == table["end"][:-1]).all()
    assert (table["start"][0], table["end"][-1]) == (-math.inf, math.inf)
    for t in (-7.5, 0.3, *solution.function.knots, 2.9, 11.0):
        (row,) = table[(table["start"] <= t) & (t < table["end"])]
        assert row["y"] + row["slope"] * (t - row["x"]) == solution.predict([t])[0]


def test_breakpoints_of_several_inputs_are_refused():
    solution = interpolate([[0, 0], [1, 0], [0, 1]], [0, 1, 2], p=1, time_limit=1)
    with pytest.raises(ValueError, match=r"one input and one output; use network\.describe"):
        solution.breakpoints()


def test_a_value_with_euclidean_biases_is_not_called_an_lp_value():
    solution = interpolate([-1.0, 0, 1, 2], [0.0, 1, 0, 3], p=1, bias="l2")
    assert "ℓp" not in f"{solution} {solution!r} {solution.certificate}"
    assert solution.verdict.startswith("value with ℓ2 biases")
    assert "a value with ℓ2 biases of at least" in str(solution.certificate)
