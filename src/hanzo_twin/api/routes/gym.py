"""Environments for learners elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from hanzo_twin.api.dependencies import Organization, PlatformDep
from hanzo_twin.api.problems import documented
from hanzo_twin.service import gym
from hanzo_twin.service.requests import GymRequest, GymResetRequest, GymStepRequest
from hanzo_twin.service.views import GymEnvView, GymResetView, GymStepView

router = APIRouter(prefix="/v1/gym/envs", tags=["gym"])

EnvRef = Annotated[
    str,
    Path(
        description="Id of the environment.",
        max_length=100,
        openapi_examples={"id": {"value": "7f3b5c52-9b0a-4a39-8d1e-0c5b1f6a2d11"}},
    ),
]


@router.post(
    "", operation_id="createGymEnv", summary="Create an environment", status_code=201, responses=documented(404, 409)
)
async def create_env(response: Response, platform: PlatformDep, body: GymRequest) -> GymEnvView:
    """Make an environment of a twin, in a process of its own; it ends when it is not used for a while."""
    view = await gym.create_env(platform, body)
    response.headers["Location"] = f"/v1/gym/envs/{view.id}"
    return view


@router.get("", operation_id="listGymEnvs", summary="List environments", responses=documented())
async def list_envs(platform: PlatformDep, organization: Organization = None) -> list[GymEnvView]:
    """Those that serve, oldest first."""
    return await gym.list_envs(platform, organization=organization)


@router.get("/{env}", operation_id="getGymEnv", summary="Get an environment", responses=documented(404, 410))
async def get_env(platform: PlatformDep, env: EnvRef) -> GymEnvView:
    """Its spaces, and where its binary interface answers."""
    return await gym.get_env(platform, env)


@router.post("/{env}/reset", operation_id="resetGymEnv", summary="Reset", responses=documented(404, 410))
async def reset_env(platform: PlatformDep, env: EnvRef, body: GymResetRequest) -> GymResetView:
    """Begin an episode in each world."""
    return await gym.reset_env(platform, env, body)


@router.post("/{env}/step", operation_id="stepGymEnv", summary="Step", responses=documented(404, 409, 410))
async def step_env(platform: PlatformDep, env: EnvRef, body: GymStepRequest) -> GymStepView:
    """Act in each world. A request a step is slow; learners that step much use the gRPC service."""
    return await gym.step_env(platform, env, body)


@router.delete(
    "/{env}", operation_id="closeGymEnv", summary="Close an environment", status_code=204, responses=documented(404)
)
async def close_env(platform: PlatformDep, env: EnvRef) -> None:
    """End its process."""
    await gym.close_env(platform, env)
