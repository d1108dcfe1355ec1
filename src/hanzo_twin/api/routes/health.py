"""Probes: does the process answer, and can it serve?"""

from __future__ import annotations

from fastapi import APIRouter, Response

from hanzo_twin import __version__
from hanzo_twin.api.dependencies import PlatformDep
from hanzo_twin.api.problems import documented, plain_problem, problem_response
from hanzo_twin.service.health import check_readiness
from hanzo_twin.service.views import HealthView, ReadinessView

router = APIRouter(tags=["health"])


@router.get("/alive", operation_id="getHealth", summary="Is the server up?", responses=documented())
async def get_health() -> HealthView:
    """Answers as long as the process can answer; it asks nobody else."""
    return HealthView(status="alive", version=__version__)


@router.get(
    "/ready",
    operation_id="getReadiness",
    summary="Can the server serve?",
    responses=documented(),
    response_model=ReadinessView,
)
async def get_readiness(platform: PlatformDep) -> ReadinessView | Response:
    """200 when the database answers, is migrated, and objects can be written; 503 with the reasons otherwise."""
    found = await check_readiness(platform)
    if found.ready:
        return found
    reasons = [f"{part}: {said}" for part, said in found.checks.items() if said != "ok"]
    problem = plain_problem(503, "\n".join(["The server is not ready:", *reasons]), code="unavailable")
    return problem_response(problem.model_copy(update={"problems": reasons}))
