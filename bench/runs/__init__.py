"""What is measured: folders of cases, and the pipeline run in this process."""
