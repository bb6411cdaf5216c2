"""What the build needs beside build.spec; not part of the program."""
