"""The files that deploy talentline (Compose, Kubernetes, systemd) say what they must, and agree with the code."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy import web, worker
from shared.settings import Settings
from shared.words import Service

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
SYSTEMD = ROOT / "deploy" / "systemd"
RENDERED = ("base", "migrate", "example", "monitoring")
OURS = re.compile(r"(registry\.example\.org/)?talentline(:|$)")
PINNED = re.compile(r".+:v?\d+\.\d+[\w.-]*")

Document = dict[str, Any]


def documents(text: str) -> list[Document]:
    return [each for each in yaml.safe_load_all(text) if each]


@cache
def rendered(folder: str) -> list[Document]:
    """What `kubectl kustomize` makes of a folder."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; the files themselves are validated all the same")
    command = ["kubectl", "kustomize", str(KUBERNETES / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def written() -> Iterator[tuple[str, Document]]:
    """Every Kubernetes object as it stands in its file."""
    for file in sorted(KUBERNETES.rglob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from ((str(file.relative_to(KUBERNETES)), each) for each in documents(file.read_text()))


def invalid(document: Document) -> str | None:
    """What is wrong with a Kubernetes object, by the strict schema: unknown fields count."""
    if "monitoring.coreos.com" in document["apiVersion"]:
        return None  # the Prometheus operator's own kind: no schema of Kubernetes
    newest = kubernetes_validate.latest_version()
    try:
        kubernetes_validate.validate(document, newest, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{document['kind']} {document['metadata']['name']}: {error.message}"
    return None


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    """Name and specification of every pod that objects make."""
    for each in documents:
        if each["kind"] in {"Deployment", "Job"}:
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def privileges(pod: Document) -> list[str]:
    """What a pod has beyond the `restricted` profile, plus a root file system that can be written."""
    found = []
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        found.append("may be root")
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("no seccomp profile")
    if pod.get("automountServiceAccountToken", True):
        found.append("a token of the cluster")
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation", True):
            found.append("may gain privileges")
        if not own.get("readOnlyRootFilesystem"):
            found.append("writable root")
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            found.append("capabilities")
        if not container.get("resources", {}).get("limits", {}).get("memory"):
            found.append("no memory limit")
    return found


@cache
def compose() -> Document:
    found: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def seconds(words: str) -> float:
    """
    >>> seconds("35s"), seconds("10min")
    (35.0, 600.0)
    """
    found = re.fullmatch(r"(\d+)(s|min)", words)
    assert found, words
    return int(found[1]) * {"s": 1.0, "min": 60.0}[found[2]]


def test_every_kubernetes_file_is_valid_to_the_last_field() -> None:
    problems = [(file, invalid(document)) for file, document in written()]
    assert len(problems) >= 10
    assert [each for each in problems if each[1]] == []


@pytest.mark.parametrize("folder", RENDERED)
def test_what_kustomize_makes_is_valid_to_the_last_field(folder: str) -> None:
    assert [found for each in rendered(folder) if (found := invalid(each))] == []


def test_a_misspelt_field_is_seen() -> None:
    deployment = deepcopy(next(each for _, each in written() if each["kind"] == "Deployment"))
    deployment["spec"]["template"]["spec"]["terminationGraceSeconds"] = 45
    assert "terminationGraceSeconds" in (invalid(deployment) or "")


def test_there_is_a_worker_for_each_queue() -> None:
    deployed = {name: pod["containers"][0].get("args") for name, pod in pods(rendered("base"))}
    for service in Service:
        assert deployed[f"talentline-worker-{service}"] == ["worker", service]
        assert compose()["services"][f"worker-{service}"]["command"] == ["worker", service]
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in rendered("base") if "Autoscaler" in each["kind"]}
    assert scaled == {"talentline-web", *(f"talentline-worker-{service}" for service in Service)}


def test_no_pod_has_more_rights_than_it_needs() -> None:
    everything = [*rendered("base"), *rendered("migrate")]
    assert {name: found for name, pod in pods(everything) if (found := privileges(pod))} == {}


def test_a_pod_with_more_rights_is_seen() -> None:
    _, pod = next(pods([each for _, each in written()]))
    pod = deepcopy(pod)
    pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
    del pod["securityContext"]["runAsNonRoot"]
    assert privileges(pod) == ["may be root", "writable root"]


def test_every_pod_has_the_secrets_and_settings_it_asks_for() -> None:
    names = {(each["kind"], each["metadata"]["name"]) for _, each in written()}
    for name, pod in pods(rendered("base")):
        for source in pod["containers"][0].get("envFrom", []):
            for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                assert field not in source or (kind, source[field]["name"]) in names, name


def test_grace_exceeds_the_drain_everywhere() -> None:
    drain = max(worker.DRAIN, timedelta(seconds=web.DRAIN_S)).total_seconds()
    graces = {}
    for name, service in compose()["services"].items():
        if OURS.match(service["image"].partition("$")[0]):
            graces[f"compose {name}"] = seconds(service["stop_grace_period"])
    for name, pod in pods([each for _, each in written()]):
        if pod["containers"][0]["image"] == "talentline" and "migrate" not in name:
            hook = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", 0])
            graces[f"kubernetes {name}"] = pod["terminationGracePeriodSeconds"] - int(hook[1])
    for unit in SYSTEMD.glob("talentline-w*.service"):
        graces[f"systemd {unit.name}"] = seconds(setting(unit, "TimeoutStopSec"))
    assert len(graces) >= 9
    assert {where: grace for where, grace in graces.items() if grace < drain + 5} == {}


def test_the_door_and_the_metrics_are_where_the_manifests_look_for_them() -> None:
    ports = {name: field.default for name, field in Settings.model_fields.items() if name.endswith("_port")}
    assert ports == {"http_port": 8360, "metrics_port": 9180}
    (door,) = (pod for name, pod in pods([each for _, each in written()]) if name == "talentline-web")
    assert {port["name"]: port["containerPort"] for port in door["containers"][0]["ports"]} == {
        "http": ports["http_port"],
        "metrics": ports["metrics_port"],
    }


def test_every_image_is_pinned_and_the_same_everywhere() -> None:
    foreign = {service["image"] for service in compose()["services"].values() if not OURS.match(service["image"])}
    assert {image for image in foreign if not PINNED.fullmatch(image)} == set()
    deployed = {pod["containers"][0]["image"] for _, pod in pods([each for _, each in written()])}
    assert {image for image in deployed if image != "talentline"} <= foreign
    bases = re.findall(r"^FROM (\S+)", (ROOT / "deploy/container/Dockerfile").read_text(), flags=re.MULTILINE)
    assert [base for base in bases if not PINNED.fullmatch(base)] == []
    assert not PINNED.fullmatch("postgres:latest")
    assert not PINNED.fullmatch("postgres:17")


def test_kustomize_deploys_the_version_that_this_is() -> None:
    for file in KUBERNETES.rglob("kustomization.yaml"):
        for image in yaml.safe_load(file.read_text()).get("images", []):
            assert image["newTag"] == version("talentline"), file


def test_every_container_of_compose_is_kept_small_and_watched() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"], name
        assert service["init"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] in {"unless-stopped", "on-failure:5"}, name
        if name != "migrate":  # it ends by itself, and others wait for its success
            assert service["healthcheck"]["test"], name
            assert service["deploy"]["resources"]["limits"]["memory"], name


def test_compose_shows_its_ports_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert [port for port in ports if ":-127.0.0.1:" not in port] == []


def test_the_doorbell_refuses_rather_than_forgets() -> None:
    (bell,) = (pod for name, pod in pods([each for _, each in written()]) if name == "talentline-valkey")
    for command in (compose()["services"]["valkey"]["command"], bell["containers"][0]["command"]):
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def setting(unit: Path, name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", unit.read_text(), flags=re.MULTILINE)
    assert len(found) == 1, f"{unit.name} sets {name} {len(found)} times"
    return str(found[0])


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a machine on which the units are installed, as far as systemd-analyze looks."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for program in ("opt/talentline/bin/talentline", "bin/sh"):
        (tmp_path / program).parent.mkdir(parents=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(SYSTEMD, units)
    for service in Service:
        shutil.copy(units / "talentline-worker@.service", units / f"talentline-worker@{service}.service")
    return tmp_path


def units(machine: Path) -> list[str]:
    found = (path.name for path in (machine / "etc/systemd/system").glob("talentline*.*") if path.is_file())
    return sorted(name for name in found if "@." not in name and name.endswith((".service", ".target")))


def analysed(machine: Path, *command: str) -> subprocess.CompletedProcess[str]:
    command = ("systemd-analyze", *command, f"--root={machine}")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verified(machine: Path) -> str:
    """What systemd says of the units; the machine's own units, which are not there, left aside."""
    return analysed(machine, "verify", "--man=no", "--recursive-errors=no", *units(machine)).stderr


def test_systemd_understands_every_unit(machine: Path) -> None:
    assert len(units(machine)) == 3 + len(Service)
    assert verified(machine) == ""
    unit = machine / "etc/systemd/system/talentline-web.service"
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=forever\nRestartsec=1"))
    assert "Restartsec" in verified(machine)
    assert "forever" in verified(machine)


def test_systemd_confines_every_unit(machine: Path) -> None:
    for unit in units(machine):
        if unit.endswith(".service"):
            done = analysed(machine, "security", "--offline=yes", "--threshold=20", unit)
            assert done.returncode == 0, f"{unit}: {done.stdout[-200:]}"
    (machine / "etc/systemd/system/talentline-.service.d/hardening.conf").unlink()
    assert analysed(machine, "security", "--offline=yes", "--threshold=20", "talentline-web.service").returncode != 0


@pytest.mark.parametrize("script", ["deploy/verify.sh", "deploy/container/upgrade.sh"])
def test_scripts_are_sound(script: str) -> None:
    checker = ["shellcheck"] if shutil.which("shellcheck") else ["bash", "-n"]
    done = subprocess.run([*checker, str(ROOT / script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
