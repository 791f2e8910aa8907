"""What is installed and packed: the program with its manual page, completion, configurations and scripts.

cpack does not strip here and compresses by gzip, so that it is quick; what lies in the packages is the same.
"""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, ProgramTest, main, run_command, user_environment

BUILD = PROGRAM.parent
SCRIPTS = REPOSITORY / "scripts"
PACKAGES = SCRIPTS / "package"


class Installed(ProgramTest):
    def command(self, *words, **changes):
        outcome = run_command(words, self.folder, user_environment(**changes), limit_seconds=300)
        self.assertEqual(outcome.code, 0, outcome)
        return outcome.out

    def test_the_program_comes_with_its_manual_page_completion_configurations_and_scripts(self):
        words = ["cmake", "--install", BUILD, "--component", "program"]
        self.command(*words, "--prefix", "/opt/lockstep", DESTDIR=str(self.folder))
        prefix = self.folder / "opt" / "lockstep"
        share = prefix / "share"
        self.assertRegex((share / "man" / "man1" / "lockstep.1").read_text(), r"^\.TH LOCKSTEP 1 ")
        completion = share / "bash-completion" / "completions" / "lockstep"
        self.assertIn("complete -F", completion.read_text())
        self.assertTrue((share / "lockstep" / "configs" / "xor.ini").exists())
        self.assertFalse((prefix / "include").exists())

        # A script that is installed runs where it lies.
        script = share / "lockstep" / "scripts" / "until_done.sh"
        self.command(script, "--", prefix / "bin" / "lockstep", "train", share / "lockstep" / "configs" / "xor.ini",
                     "--run.dir", "run", "--training.epochs", "1")
        self.assertTrue((self.folder / "run" / "model.lockstep").exists())
        for template in "slurm/mpirun.sbatch", "slurm/srun.sbatch", "slurm/array.sbatch", "pbs/mpirun.pbs":
            self.assertTrue((share / "lockstep" / "scripts" / template).exists(), template)

    @unittest.skipUnless(shutil.which("tclsh"), "tclsh is not installed")
    def test_the_modulefile_names_folders_that_are_there(self):
        self.command("cmake", "--install", BUILD, "--prefix", self.folder / "prefix", "--component", "program")
        (module,) = (self.folder / "prefix" / "share" / "lockstep" / "modulefiles" / "lockstep").iterdir()
        # As Environment Modules has it: commands of Tcl, and the modulefile's name in a variable.
        self.write("load.tcl", f"""
            proc setenv {{name value}} {{ puts "$name $value" }}
            proc prepend-path {{name value}} {{ puts "$name $value" }}
            foreach word {{module-whatis conflict}} {{ proc $word args {{}} }}
            set ModulesCurrentModulefile {module}
            source {module}
        """)
        paths = dict(line.split(" ", 1) for line in self.command("tclsh", "load.tcl").splitlines())
        self.assertTrue((Path(paths["PATH"]) / "lockstep").exists(), paths)
        self.assertTrue((Path(paths["MANPATH"]) / "man1" / "lockstep.1").exists(), paths)
        self.assertTrue((Path(paths["LOCKSTEP_HOME"]) / "scripts" / "until_done.sh").exists(), paths)

    @unittest.skipUnless(shutil.which("dpkg-shlibdeps"), "dpkg-dev is not installed")
    def test_debian_packages_hold_what_is_installed(self):
        self.command("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", "packages", "-D", "CPACK_STRIP_FILES=",
                     "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip")
        program, = (self.folder / "packages").glob("lockstep_*.deb")
        development, = (self.folder / "packages").glob("lockstep-dev_*.deb")
        files = self.command("dpkg-deb", "-c", program)
        for name in ("bin/lockstep", "share/man/man1/lockstep.1.gz", "share/bash-completion/completions/lockstep",
                     "share/lockstep/configs/letters.ini", "share/lockstep/scripts/slurm/mpirun.sbatch",
                     "share/doc/lockstep/copyright", "share/doc/lockstep/changelog.gz"):
            self.assertRegex(files, rf"(?m) \./usr/{re.escape(name)}$")
        self.assertNotIn("/usr/include", files)
        self.assertRegex(self.command("dpkg-deb", "-c", development), r"(?m)/usr/lib\S*/pkgconfig/lockstep\.pc$")
        depends = self.command("dpkg-deb", "-f", program, "Depends")
        self.assertIn("openmpi-bin", depends)
        self.assertRegex(depends, r"\blibc6 \(>= ")
        self.assertIn("dataset-fashion-mnist", self.command("dpkg-deb", "-f", program, "Recommends"))


class Recipes(ProgramTest):
    def test_the_shell_of_the_apptainer_definition_is_well_formed_and_its_files_are_there(self):
        text = (PACKAGES / "apptainer" / "lockstep.def").read_text()
        sections = re.findall(r"(?ms)^%(\w+)([^\n]*)\n(.*?)(?=^%|^Bootstrap|\Z)", text)
        names = [name for name, _, _ in sections]
        self.assertEqual(names.count("post"), 2)
        for name, words, body in sections:
            if name in ("post", "runscript", "test"):
                checked = subprocess.run(["bash", "-n"], input=body, text=True, capture_output=True, check=False)
                self.assertEqual((checked.returncode, checked.stderr), (0, ""), name)
            if name == "files" and not words:
                for line in body.split("\n"):
                    self.assertTrue(not line.strip() or (REPOSITORY / line.split()[0]).exists(), line)

    def test_the_spack_recipe_is_python_and_needs_what_cmake_looks_for(self):
        text = (PACKAGES / "spack" / "package.py").read_text()
        compile(text, "package.py", "exec")
        cmake = (REPOSITORY / "CMakeLists.txt").read_text()
        for package in re.findall(r"find_package\((\w+)", cmake):
            if package not in ("OpenMP", "PkgConfig"):
                self.assertIn(f'depends_on("{package.lower().replace("_", "-")}', text)


if __name__ == "__main__":
    main()
