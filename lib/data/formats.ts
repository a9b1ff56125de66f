import { LatentError } from "../base/mod.ts";
import { type ClassFolderOptions, classFolders } from "./class_folders.ts";
import { coco, type CocoOptions } from "./coco.ts";
import type { Dataset } from "./dataset.ts";
import { fileList, type FileListOptions } from "./file_list.ts";
import { imageFolder } from "./folder.ts";
import { openImages } from "./open_images.ts";
import { parquet, type ParquetOptions } from "./parquet.ts";
import { webDataset, type WebDatasetOptions } from "./web_dataset.ts";

/** How data sets are stored, by the name that a config gives it. */
export type DataFormat = "folder" | "classes" | "list" | "coco" | "open-images" | "webdataset" | "parquet";

/** The options of every format; each takes those that it knows. */
export type DataFormatOptions =
  & ClassFolderOptions
  & CocoOptions
  & Partial<FileListOptions>
  & ParquetOptions
  & WebDatasetOptions;

/** Opens a data set of each format: a folder of it, or for WebDataset and Parquet also one file. */
export const dataFormats: Readonly<Record<DataFormat, (path: string, options: DataFormatOptions) => Promise<Dataset>>> =
  {
    folder: imageFolder,
    classes: classFolders,
    list: (path, { lists, ...options }) => {
      if (lists !== undefined) return fileList(path, { lists, ...options });
      throw new LatentError("config.data", {
        what: "a data set of format list needs its lists",
        wanted: "lists: {train: a text file of paths, validation: another}",
      });
    },
    coco,
    "open-images": openImages,
    webdataset: webDataset,
    parquet,
  };
