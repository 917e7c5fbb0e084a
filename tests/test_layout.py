"""Where code stands and how it is named: sizes, mirrored tests, names and docstrings."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "crepe").rglob("*.py"))

MOST_FILES_AT_THE_TOP = 12
MOST_MODULES_IN_A_FOLDER = 20
MOST_LINES = 300
LEAST_DOCUMENTED = 0.95

EMPTY_NAMES = frozenset(
    {"found", "said", "told", "asked", "heard", "known", "wanted", "made"}
    | {"words", "more", "one", "here", "there"}
)
"""Names that do not say what they hold."""

SNAPSHOT_KEYS = {"crepe/games/pong/match.py": {"wanted"}, "crepe/games/pong/state.py": {"wanted"}}
"""Such names that stay, since snapshots in recordings have them as keys."""

WITHOUT_BEHAVIOUR = """
    commands errors environment/finding config/tables
    games/pong/settings games/gymnasium/settings phases
    hw/meame/settings simulator/meame/settings simulator/rhx/settings store/modus
"""
"""Modules that only declare names, fields and bounds: every test that uses them tests them."""

TESTED_THROUGH = {
    # Base classes and protocols, through those who implement them.
    "actors/test_acquire.py": "hw/instrument",
    "hw/test_device.py": "hw/entry_points",
    "testing/test_recorder.py": "testing/rule",
    # The programs of several machines, through a session of two.
    "system/test_machines.py": "supervise/machines/further_machine supervise/machines/main_machine",
    "testing/test_stimulator.py": "testing/bench testing/trains",
    "safety/test_watchdog.py": "hw/meame/remote_stop",
    "safety/test_pursuit.py": "hw/rhx/remote_stop",
    "hw/test_stimulator_contract.py": "hw/no_stimulator",
    # Commands of the command line, through a run of the command.
    "cli/test_app.py": "cli/options cli/services cli/simulate",
    "cli/test_operator.py": "cli/start",
    "long/test_culture_report.py": "report/culture report/culture_figure",
    "long/test_report.py": "study/runs",
    "report/test_command.py": "cli/sessions report/page",
    "study/test_study.py": "study/plan",
    "study/sweep/test_file.py": "study/sweep/tables",
    "cli/sweep/test_run.py": "study/sweep/sections study/sweep/summary",
    "long/test_experiment.py": "cli/experiment cli/study",
    "system/test_stack.py": "cli/play",
    "system/test_supervisord.py": "cli/run cli/run_services cli/supervised dashboard/program",
    # What only others' programs can judge.
    "neighbours/test_nwb.py": "bridge/nwb_series bridge/nwb_subject bridge/nwb_tables",
    "neighbours/test_brian2.py": "culture/brian2_network",
    "neighbours/test_cl.py": "bridge/cl bridge/cl_recording",
    "neighbours/test_cl_live.py": "bridge/cl_live",
    "neighbours/test_mne.py": "bridge/mne",
    "neighbours/test_spikeinterface.py": "bridge/spikeinterface",
    # Parts of a whole that is tested as one.
    "actors/test_output.py": "environment/source_place",
    "config/test_experiment.py": """
        config/consistency config/file_text config/mistakes
        config/program_part config/wiring
    """,
    "config/dry_run/test_dry_run.py": """
        config/context config/dry_run/decisions config/dry_run/possible_trains
        config/dry_run/trial_steps
    """,
    "supervise/test_start.py": "supervise/unfinished",
    "supervise/test_session_end.py": "supervise/unrecorded",
    "supervise/test_control.py": "supervise/supervisor",
    "runtime/test_chain.py": "runtime/batch runtime/hosted_actor",
    "runtime/test_runner.py": "runtime/resume runtime/stops",
    "redis_server/test_server.py": "redis_server/find_url",
    "redis_server/test_check.py": "redis_server/refusals",
    "reservoir/test_training.py": "environment/versions reservoir/adaptation reservoir/readout",
    "culture/test_network.py": "culture/contacts",
    "dashboard/test_session_view.py": """
        dashboard/events dashboard/views/array dashboard/views/court dashboard/views/health dashboard/views/image
        dashboard/views/raster dashboard/views/traces dashboard/views/view
    """,
    "dashboard/test_routes.py": "dashboard/follow",
    "dashboard/test_session_routes.py": "dashboard/report_maker",
    "dashboard/test_access.py": "web/links",
    "sensor/test_routes.py": "sensor/access sensor/openapi web/body",
    "sensor/test_input_tracker.py": "sensor/original_wording",
    "sensor/test_client.py": "sensor/hand_frames sensor/send sensor/simulated",
    "games/test_trial_game.py": "games/blocks games/decisions games/schedule games/rock_paper_scissors games/trial_settings games/trial_state",
    "games/test_hooks.py": "games/section",
    "games/gymnasium/test_game.py": "games/gymnasium/environment games/gymnasium/episodes games/gymnasium/state games/gymnasium/stimuli",
    "games/pong/test_game.py": "games/stimulus_planner games/pong/match games/pong/state games/pong/stimuli",
    "recording/test_recover.py": "recording/damaged_file recording/damaged_stream recording/damaged_table recording/windows",
    "hw/mcs/test_committed_file.py": "recording/committed_hdf5",
    "hw/mcs/test_recorder.py": "hw/mcs/analog_stream hw/replay",
    "hw/neo/test_recorder.py": "hw/neo/reader hw/neo/signal",
    "hw/lsl/test_recorder.py": "hw/lsl/description",
    "hw/meame/test_recorder.py": "hw/meame/framing",
    "hw/openephys/test_recorder.py": "hw/openephys/gui hw/openephys/subscription",
    "hw/rhx/test_link.py": "hw/rhx/link_state hw/rhx/settings",
    "hw/rhx/test_service.py": "hw/rhx/client",
    "hw/rhx/test_stimulator.py": "hw/fixed_patterns",
    "simulator/rhx/test_interpreter.py": "simulator/rhx/parameters",
    "simulator/rhx/test_server.py": "simulator/rhx/control simulator/rhx/data_port simulator/rhx/run",
    "recording/test_writer.py": """
        recording/file recording/layout recording/mcs_appenders recording/mcs_layout
        recording/stream_writer
    """,
    "recording/test_reader.py": "recording/part recording/parts",
    "report/test_build.py": """
        report/draw_decoding report/draw_raster report/html
        report/numbers report/session report/style report/wording
    """,
    "safety/test_emergency_stop.py": "safety/protocol/latched_directory",
    "simulator/meame/test_instrument.py": "simulator/lockstep",
    "simulator/meame/test_dsp.py": "simulator/meame/patterns simulator/meame/stim_queue",
    "simulator/meame/test_server.py": """
        simulator/meame/daq simulator/meame/meame2_replay simulator/meame/request_body
        simulator/meame/routes simulator/meame/routes_control simulator/meame/routes_dsp
    """,
    "store/test_contract.py": """
        store/client store/memory_store store/recording_store
        store/redis_store store/retention store/stream_writer
    """,
    "store/groups/test_grouped.py": "store/groups/grouped_redis store/groups/joiner",
    "store/test_tls.py": "redis_server/login",
    "system/test_from_python.py": "legacy/experiment",
    "legacy/test_rpyc_server.py": "legacy/rpyc_program legacy/rpyc_stream",
    # The original interface, through the examples of the original.
    "test_stream_service.py": """
        settings utils legacy/connection legacy/get_connection legacy/iterators
        legacy/names legacy/rows legacy/service legacy/settings
    """,
}
"""Modules without a test file of their own name, by the test file that runs their code."""

VERBS = frozenset(
    """
    Act Adapt Add Advance Allow Announce Answer Append Apply Arm Ask Assign Await Become Begin Bind Block Build
    Calibrate Call Cancel Carry Change Check Choose Classify Clear Clip Close Collect Combine Commit
    Confirm
    Compare Compute Configure Connect Convert Copy Correct Count Create Cut Declare Decode Delete Describe
    Detect Disable Disarm Disconnect Discard Divide Do Draw Drop Emit Empty Enable Encode End Enter Ensure Estimate Evaluate
    Exclude Execute Extract Feed Fill Filter Find Finish Fit Follow Forbid Format Gather Generate Get Give
    Group Handle Have Hold Import Initialize Insert Interrupt Iterate Join Keep Latch Leave Let Limit
    List Load Lock Log Look Make Map Mark Match Measure Merge Move Normalize Note Notify Open
    Order Pack Pair Parse Pass Permit Ping Place Play Post Prepare Print Process Protect Prove Publish Push
    Put Query Queue Raise Read Receive Record Refuse Register Reject Release Remove Rename Renew Render
    Repeat Replace Replay Report Request Require Reset Resolve Restart Restore Resume Retry Return Run
    Sample Save Say Scale Search Select Send Serve Set Show Shut Simulate Skip Sort Split Start
    Step Stimulate Stop Store Subtract Sum Supervise Suspend Switch Take Talk Tell Test Track
    Train Translate Trim Try Turn Unpack Update Use Validate Verify Wait Wake Watch Write Yield
    """.split()
)
"""First words of a function's docstring; add an imperative that is missing."""

NOT_NOUNS = re.compile(
    r"(What|Who|Whose|Whether|How|Why|Where|When|Which|Of|For|By|As|From|Until|Nobody|Somebody"
    r"|Anybody|Something|Let|If|In|To|So|That|Be)\b"
)
"""First words of a docstring that is no noun phrase."""

THIRD_PERSON = frozenset(
    """
    Adds Allows Appends Asks Builds Calls Carries Changes Checks Collects Computes Connects Corrects
    Counts Decides Decodes Detects Draws Ends Estimates Feeds Finds Follows Gathers Gives Handles
    Hears Holds Iterates Keeps Knows Looks Makes Maps Merges Opens Pairs Passes Plays Publishes
    Reads Receives Records Refuses Remembers Removes Replays Reports Returns Runs Says Sends Serves
    Shows Simulates Starts Stops Stores Takes Tells Trains Turns Waits Watches Writes
    """.split()
)
"""First words of a class's docstring that describe a deed where a name is expected."""


@cache
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# Places


def modules() -> list[Path]:
    return [path for path in SOURCES if not path.name.startswith("__")]


def test_every_module_has_a_test_file_of_its_name_or_names_the_one_that_tests_it():
    lists = [WITHOUT_BEHAVIOUR, *TESTED_THROUGH.values()]
    through = {module for names in lists for module in names.split()}
    without = set()
    for path in modules():
        module = path.relative_to(ROOT / "crepe")
        if not (ROOT / "tests" / module.parent / f"test_{module.name}").is_file():
            without.add(module.with_suffix("").as_posix())
    assert sorted(without - through) == [], "need a test file, or an entry in TESTED_THROUGH"
    assert sorted(through - without) == [], "have a test file, or are gone: remove the entry"


def test_the_test_files_that_the_list_names_exist():
    assert [name for name in TESTED_THROUGH if not (ROOT / "tests" / name).is_file()] == []


def test_few_files_lie_at_the_top_and_no_folder_is_crowded():
    counts = Counter(path.parent for path in SOURCES)
    assert counts[ROOT / "crepe"] <= MOST_FILES_AT_THE_TOP
    crowded = {relative(d): n for d, n in counts.items() if n > MOST_MODULES_IN_A_FOLDER}
    assert crowded == {}


def test_no_file_is_too_long():
    lengths = {relative(p): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


def test_no_module_of_crepe_has_an_alias():
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in SOURCES}
    aliases = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                aliases += [
                    f"{relative(path)}:{node.lineno}: {alias.name} as {alias.asname}"
                    for alias in node.names
                    if alias.asname and start + alias.name in names
                ]
    assert aliases == []


# Names


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name that a module gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)):
                yield name, node.lineno
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name, node.lineno


def test_names_say_what_they_hold():
    offences = [
        f"{relative(path)}:{line}: {name}"
        for path, tree in trees().items()
        for name, line in bound_names(tree)
        if name.strip("_") in EMPTY_NAMES - SNAPSHOT_KEYS.get(relative(path), set())
    ]
    assert offences == []


# Docstrings

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield path, node


def public_functions() -> Iterator[tuple[Path, Function]]:
    """The functions of modules, and the methods of public classes."""
    for path, tree in trees().items():
        yield from ((path, node) for node in tree.body if is_public_function(node))
    for path, node in public_classes():
        yield from ((path, method) for method in node.body if is_public_function(method))


def is_public_function(node: ast.AST) -> bool:
    return isinstance(node, Function) and not node.name.startswith("_")


def is_value(function: Function) -> bool:
    """Whether it is read like an attribute, so that a noun phrase describes it."""
    return any("property" in ast.unparse(decorator) for decorator in function.decorator_list)


def is_claim(function: Function) -> bool:
    """Whether it answers yes or no, so that its docstring may begin with *Whether*."""
    return function.returns is not None and ast.unparse(function.returns) == "bool"


def test_every_public_class_has_a_docstring():
    missing = [
        f"{relative(path)}:{node.lineno}: {node.name}"
        for path, node in public_classes()
        if not ast.get_docstring(node)
    ]
    assert missing == []


def test_nearly_every_public_function_has_a_docstring():
    """A method needs none where a method of the same name, of a contract or a base, has one."""
    functions = list(public_functions())
    documented = {f.name for _, f in functions if ast.get_docstring(f)}
    missing = [
        f"{relative(path)}:{f.lineno}: {f.name}"
        for path, f in functions
        if not ast.get_docstring(f) and f.name not in documented
    ]
    assert len(missing) <= (1 - LEAST_DOCUMENTED) * len(functions), "\n".join(missing)


def test_docstrings_begin_with_a_noun_phrase_or_an_imperative():
    offences = []
    for path, node in public_classes():
        line = (ast.get_docstring(node) or "").partition("\n")[0]
        if NOT_NOUNS.match(line) or line.split(" ")[0] in THIRD_PERSON:
            offences.append(f"{relative(path)}:{node.lineno}: {node.name}: {line}")
    for path, function in public_functions():
        line = (ast.get_docstring(function) or "").partition("\n")[0]
        if is_claim(function) and line.startswith("Whether "):
            is_right = True
        elif is_value(function):
            is_right = not NOT_NOUNS.match(line)
        else:
            is_right = not line or re.split(r"\W", line)[0] in VERBS
        if not is_right:
            offences.append(f"{relative(path)}:{function.lineno}: {function.name}: {line}")
    assert offences == []
