"""Settings of sensors written as SDF read back the same."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hanzo_twin.scene.convert import sdf
from hanzo_twin.scene.load import load_scene

NOISE = "<noise type='gaussian'><mean>0.01</mean><stddev>0.02</stddev></noise>"
SENSORS = f"""<sdf version="1.9"><model name="m"><link name="l"><inertial><mass>1</mass></inertial>
<sensor name="s" type="gpu_lidar"><update_rate>10</update_rate><lidar><scan>
  <horizontal><samples>100</samples><min_angle>-1</min_angle><max_angle>1.5</max_angle></horizontal>
  <vertical><samples>4</samples><min_angle>-0.1</min_angle><max_angle>0.2</max_angle></vertical></scan>
  <range><min>0.1</min><max>20</max></range>{NOISE}</lidar></sensor>
<sensor name="i" type="imu"><update_rate>50</update_rate>
  <imu><angular_velocity><x>{NOISE}</x></angular_velocity></imu></sensor>
<sensor name="c" type="depth_camera"><update_rate>5</update_rate><camera><horizontal_fov>1.2</horizontal_fov>
  <image><width>64</width><height>32</height></image>{NOISE}</camera></sensor>
</link>
<link name="tip"><inertial><mass>1</mass></inertial>
<sensor name="f" type="force_torque"><force_torque><torque><z>{NOISE}</z></torque></force_torque></sensor></link>
<joint name="j" type="revolute"><parent>l</parent><child>tip</child><axis><xyz>0 0 1</xyz></axis></joint>
</model></sdf>"""


def test_rates_ranges_pictures_and_noise(tmp_path: Path) -> None:
    first, second = tmp_path / "first.sdf", tmp_path / "second.sdf"
    first.write_text(SENSORS)
    before = load_scene(first)
    assert not [one for one in sdf.write(before, second) if one.code in ("sensor-settings", "camera-image")]
    after = load_scene(second)

    def settings(scene: object) -> dict[str, dict[str, object]]:
        every = [*scene.sensors.values(), *scene.cameras.values()]  # type: ignore[attr-defined]
        return {one.path.rpartition("/")[2]: dict(one.attributes) for one in every}

    wanted, found = settings(before), settings(after)
    assert wanted.keys() == found.keys() == {"s", "i", "f", "c"}
    for name, attributes in wanted.items():
        assert found[name] == pytest.approx(attributes, rel=1e-12), name
    assert wanted["s"]["hanzo:lidar:horizontal_upper_deg"] == pytest.approx(math.degrees(1.5))
    (old,), (new,) = before.cameras.values(), after.cameras.values()
    assert new.vertical_fov == pytest.approx(old.vertical_fov, rel=1e-6)
