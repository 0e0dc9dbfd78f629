use super::*;

#[test]
fn a_text_is_parted_where_lines_say_so() {
    assert_eq!(
        documents("a: 1\n---\n# b\nb: 2\n---\nc: '---'\n"),
        ["a: 1\n", "# b\nb: 2\n", "c: '---'\n"]
    );
}

#[test]
fn every_manifest_is_a_connection_and_assets_of_its_name() {
    let all = shipped().unwrap();
    let names: Vec<&str> = all.iter().map(|api| api.name.as_str()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted, "by name, each once");
    for api in &all {
        assert!(!api.assets.is_empty(), "{}", api.name);
        assert_eq!(api.files[0].path, format!("connections/{}.yaml", api.name));
        for asset in &api.assets {
            assert!(asset.starts_with(&format!("{}.", api.name)), "{asset}");
        }
        assert!(api.documentation.starts_with("https://"), "{}", api.name);
        let text: String = api.files.iter().map(|f| f.text.as_str()).collect();
        assert!(
            text.contains("# https://"),
            "{} does not say where its facts are from",
            api.name
        );
    }
}

#[test]
fn every_manifest_is_right_in_a_project_and_beside_all_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("segue.yaml"), "format: 1\nproject: all\n").unwrap();
    for api in shipped().unwrap() {
        let connected = connect(folder.path(), &api.name).unwrap_or_else(|e| panic!("{}: {}", api.name, e.to_text()));
        assert_eq!(connected.written.len(), api.files.len());
        assert_eq!(connected.there, Vec::<String>::new());
    }
    let loaded = crate::load::load(folder.path()).unwrap();
    let told: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(told, Vec::<&str>::new());
    // Once more: nothing is written over.
    let again = connect(folder.path(), "github").unwrap();
    assert_eq!((again.written.len(), again.there.len()), (0, 3));
    let names: Vec<&str> = again.needed.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(
        names,
        ["GITHUB_API_URL", "GITHUB_OWNER", "GITHUB_REPOSITORY", "GITHUB_TOKEN"]
    );
    assert!(again.needed[3].secret && again.needed[1].default.as_deref() == Some("octocat"));
}

#[test]
fn what_is_in_the_way_is_said_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("segue.yaml", "format: 1\nproject: all\n");
    write(
        "connections/other.yaml",
        "connection: usgs\nkind: sqlite\npath: ./x.db\n",
    );
    let error = connect(folder.path(), "usgs").unwrap_err();
    assert_eq!(error.error_code(), Some(MANIFEST_REFUSED));
    assert!(!folder.path().join("connections/usgs.yaml").exists());
    assert!(!folder.path().join("assets").exists());
    let error = connect(folder.path(), "gihub").unwrap_err();
    assert!(
        error.to_text().contains("did you mean `github`?"),
        "{}",
        error.to_text()
    );
}
