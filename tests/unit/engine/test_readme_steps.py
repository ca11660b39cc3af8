"""Deploy a site in the steps of the README."""

from __future__ import annotations

from typing import get_args

import pytest

from provision.plan import Verb
from tests.unit.engine.site_model import go, states
from tests.unit.project.readme import find_deployment_steps


@pytest.mark.usefixtures("world")
def test_steps_of_the_readme_deploy_and_remove_a_site() -> None:
    verbs = [words[0] for words in find_deployment_steps() if words[0] in get_args(Verb)]
    assert verbs == ["plan", "plan", "apply", "verify", "teardown"]
    seen = [set(states(go(verb)).values()) for verb in ("plan", "apply", "verify", "teardown")]
    assert seen == [{"differs"}, {"changed"}, {"ok"}, {"changed"}]
