"""Reading how finished clips lie on disk: three layouts, and a complete list of what is wrong."""

import json

import pytest

from evalapp.catalog.prompt_lists import read_prompts
from evalapp.generation.layouts import read


def lay_out(root, *files):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"clip")
    return root


def list_prompts(root, **prompts):
    lines = [json.dumps({"id": key, "text": text, "tags": []}) for key, text in prompts.items()]
    (root / "prompts.jsonl").write_text("\n".join(lines))


def test_a_folder_per_contender_with_files_named_by_prompt_id(tmp_path):
    lay_out(tmp_path, "a/p-1.mp4", "a/p2.webm", "b/p-1.gif", "b/p2.png")
    list_prompts(tmp_path, **{"p-1": "one", "p2": "two"})
    layout = read(tmp_path)
    assert layout.problems == layout.missing() == []
    assert layout.contenders == ["a", "b"]
    assert layout.scenes == [("p-1", 0), ("p2", 0)]


def test_the_vbench_layout_reads_prompt_and_index_from_the_name(tmp_path):
    lay_out(tmp_path, *(f"{who}/a dog, running-{index}.mp4" for who in "ab" for index in range(3)))
    layout = read(tmp_path)
    assert layout.problems == []
    assert layout.scenes == [("a dog, running", 0), ("a dog, running", 1), ("a dog, running", 2)]
    assert layout.prompts["a dog, running"].text == "a dog, running"


def test_vbench_names_match_the_texts_of_a_prompt_list(tmp_path):
    lay_out(tmp_path, "a/a dog-0.mp4", "b/a dog-0.mp4")
    list_prompts(tmp_path, **{"vbench-007": "a dog"})
    assert read(tmp_path).scenes == [("vbench-007", 0)]


def test_a_csv_manifest(tmp_path):
    lay_out(tmp_path, "x/1.mp4", "x/2.mp4")
    manifest = tmp_path / "clips.csv"
    manifest.write_text("contender,file,prompt,seed\na,x/1.mp4,a dog,4\nb,x/2.mp4,a dog,4\n")
    layout = read(manifest)
    assert layout.problems == []
    assert layout.scenes == [("a dog", 4)]


def test_a_jsonl_manifest(tmp_path):
    lay_out(tmp_path, "x/1.mp4", "x/2.mp4")
    rows = [
        {"contender": who, "file": f"x/{n}.mp4", "prompt_id": "p", "prompt": "a dog"} for n, who in ((1, "a"), (2, "b"))
    ]
    manifest = tmp_path / "clips.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)))
    assert read(manifest).prompts["p"].text == "a dog"


def test_a_clip_that_one_contender_lacks_is_named(tmp_path):
    lay_out(tmp_path, "a/p1.mp4", "a/p2.mp4", "b/p1.mp4")
    list_prompts(tmp_path, p1="one", p2="two", p3="three")
    assert read(tmp_path).missing() == ["b: no clip of prompt 'p2', seed 0", "no contender has a clip of prompt 'p3'"]


def test_every_problem_is_listed_by_name(tmp_path):
    outside = lay_out(tmp_path / "outside", "secret.mp4") / "secret.mp4"
    root = lay_out(tmp_path / "clips", "a/p1.mp4", "a/p1.webm", "a/unknown.mp4", "a/notes.txt", "b/p1.mp4")
    (root / "b" / "p2.mp4").symlink_to(outside)
    list_prompts(root, p1="one", p2="two")
    problems = "\n".join(read(root).problems)
    assert "p1.webm: prompt 'p1', seed 0 comes twice for a (also p1.mp4)" in problems
    assert "unknown.mp4: no listed prompt has this name" in problems
    assert "notes.txt: not a clip" in problems
    assert "p2.mp4: leads out of the folder" in problems


def test_a_manifest_cannot_reach_out_of_its_folder(tmp_path):
    lay_out(tmp_path, "secret.mp4", "in/ok.mp4")
    manifest = tmp_path / "in" / "clips.csv"
    manifest.write_text(
        "contender,file,prompt\na,../secret.mp4,p\nb,/etc/passwd,p\na,ok.txt,p\na,gone.mp4,p\n,ok.mp4,p\na,ok.mp4,p,x\n"
    )
    problems = read(manifest).problems
    assert "row 2: ../secret.mp4 leads out" in problems[0]
    assert "row 3: /etc/passwd leads out" in problems[1]
    assert "row 4: ok.txt is not a clip" in problems[2]
    assert "row 5: there is no file gone.mp4" in problems[3]
    assert "row 6: needs contender, file and prompt_id" in problems[4]


def test_a_bad_prompt_list_is_named_line_by_line(tmp_path):
    lay_out(tmp_path, "a/p1.mp4", "b/p1.mp4")
    (tmp_path / "prompts.jsonl").write_text(
        '{"id": "p1", "text": "one"}\nnot json\n{"id": "p1", "text": "x"}\n{"id": 3}\n'
    )
    problems = read(tmp_path).problems
    assert [problem.split("prompts.jsonl ")[1].split(":")[0] for problem in problems] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize(
    ("name", "listed"),
    [("prompts.jsonl", '{"text": "a red ball"}\n{"text": "a dog", "tags": ["animal"]}\n'),
     ("list.csv", "text,tags\na red ball,\na dog,animal\n")],
)  # fmt: skip
def test_a_list_without_ids_is_numbered_as_on_the_page_of_prompt_sets(tmp_path, name, listed):
    lay_out(tmp_path, "a/p001.mp4", "b/p001.mp4", "a/p002.mp4", "b/p002.mp4")
    (tmp_path / name).write_text(listed)
    layout = read(tmp_path, tmp_path / name if name != "prompts.jsonl" else None)
    assert list(layout.prompts.values()) == read_prompts(listed, "." + name.partition(".")[2])
    assert layout.scenes == [("p001", 0), ("p002", 0)]
    assert layout.prompts["p002"].tags == ("animal",)


def test_links_in_place_of_contenders_folders_are_told_once_each(tmp_path):
    outside = lay_out(tmp_path / "outside", "a/p1.mp4", "a/p2.mp4")
    root = lay_out(tmp_path / "root", "real/p1.mp4", "real/p2.mp4")
    list_prompts(root, p1="one", p2="two")
    (root / "away").symlink_to(outside / "a")
    (root / "gone").symlink_to(tmp_path / "not mounted")
    (root / "twin").symlink_to(root / "real")
    layout = read(root)
    assert [problem.partition(": ")[2].split(":")[0] for problem in layout.problems] == [
        f"a link that leads out of the folder {root}",
        "a link that leads nowhere",
    ]
    assert layout.contenders == ["real", "twin"]
    assert layout.missing() == []


def test_where_no_clip_is_found_nothing_is_said_of_each_prompt(tmp_path):
    list_prompts(tmp_path, p1="one", p2="two")
    (tmp_path / "gone").symlink_to(tmp_path / "not mounted")
    layout = read(tmp_path)
    assert [layout.contenders, layout.missing()] == [[], []]
    assert len(layout.problems) == 1


def test_one_contender_alone_is_refused(tmp_path):
    lay_out(tmp_path, "a/p1.mp4")
    assert "clips of 1 contenders found" in read(tmp_path).problems[0]


def test_a_folder_without_clips_and_a_clip_beside_the_folders_are_told_and_not_left_out(tmp_path):
    lay_out(tmp_path, "a/p1.mp4", "b/p1.mp4", "p1.mp4")
    (tmp_path / "c").mkdir()
    (tmp_path / "image.png").write_bytes(b"a reference image may lie here")
    assert [problem.removeprefix(f"{tmp_path}/") for problem in read(tmp_path).problems] == [
        "p1.mp4: lies in no contender's folder",
        "c: has no clips in it: fill it, or remove it",
    ]


def test_vbench_samples_by_dimension_are_read_once_where_dimensions_share_a_prompt(tmp_path):
    for who in "ab":
        lay_out(tmp_path, *(f"{who}/{dimension}/a dog-{n}.mp4" for dimension in ("color", "scene") for n in (0, 1)))
    layout = read(tmp_path)
    assert layout.problems == layout.missing() == []
    assert layout.scenes == [("a dog", 0), ("a dog", 1)]
    assert set(layout.prompts["a dog"].tags) == {"color", "scene"}
    (tmp_path / "a" / "scene" / "a dog-0.mp4").write_bytes(b"other")
    assert "comes twice for a" in read(tmp_path).problems[0]


def test_compbench_samples_are_numbered_from_one_in_the_list_of_their_category(tmp_path):
    for who in "ab":
        lay_out(tmp_path, *(f"video/{who}/{name}.mp4" for name in ("consistent_attr/0001", "consistent_attr/0002")))
        lay_out(tmp_path, f"video/{who}/numeracy/1.mp4")  # any numbers that keep the order
    lists = tmp_path / "prompts"
    lists.mkdir()
    (lists / "1_consistent_attr.txt").write_text("a blue car\na green bench\n")
    (lists / "7_numeracy.txt").write_text("two dogs\n")
    layout = read(tmp_path / "video", lists)
    assert layout.problems == layout.missing() == []
    assert [layout.prompts[key].text for key, _ in layout.scenes] == ["a blue car", "a green bench", "two dogs"]
    assert layout.prompts["numeracy/0001"].tags == ("numeracy",)
    lay_out(tmp_path, "video/a/numeracy/0002.mp4")
    assert "a number in the list's order" in read(tmp_path / "video", lists).problems[0]


def test_evalcrafter_samples_are_numbered_from_zero_in_one_list(tmp_path):
    lay_out(tmp_path, *(f"videos/{who}/{n:04d}.mp4" for who in ("gen2", "pika") for n in (0, 1)))
    (tmp_path / "prompt700.txt").write_text("a dog\na cat\n")
    layout = read(tmp_path / "videos", tmp_path / "prompt700.txt")
    assert layout.problems == layout.missing() == []
    assert [layout.prompts[key].text for key, _ in layout.scenes] == ["a dog", "a cat"]
    (tmp_path / "empty.txt").write_text("\n")
    assert any("has no prompts" in problem for problem in read(tmp_path / "videos", tmp_path / "empty.txt").problems)
