/** The case of degradations, whose facts are lists of pieces instead of outputs. @module */

interface Named {
  name: string;
}

/** A piece that is done to a stored picture. */
interface OfPicture extends Named {
  image: string;
}

/** What the case's `case.json` holds. */
export interface DegradationFacts {
  kernels: (Named & { ksize: number; theta: number; l1: number; l2: number })[];
  isotropic: (Named & { size: number; sigma: number })[];
  shift: (Named & { size: number; sigma: number; sf: number; upper_left: boolean })[];
  imresize: (OfPicture & { scale: number; antialiasing: boolean })[];
  blur: (OfPicture & { kernel: string })[];
  cv2_resize: (OfPicture & { height: number; width: number; interpolation: number })[];
  downsample2_shifted: (OfPicture & { sigma: number; sf: number })[];
  noise: { diagonal: number[]; matrix: number[][]; level2: number; covariance: number[][] }[];
  tolerance_abs: { kernels: number; images: number };
}

/** A `case.json` with outputs, where it holds degradations: those that it names, with its tolerances. */
export function withOutputs<T extends object>(json: T): T {
  if (!("downsample2_shifted" in json)) return json;
  const degradation = json as T & DegradationFacts;
  const { kernels, isotropic, shift, blur, imresize, cv2_resize, downsample2_shifted, tolerance_abs } = degradation;
  const within = (rows: Named[], tolerance_abs: number) =>
    rows.map(({ name }) => [`out.${name}`, { tolerance_abs }] as const);
  const outputs = Object.fromEntries([
    ...within([...kernels, ...isotropic, ...shift], tolerance_abs.kernels),
    ...within([...blur, ...imresize, ...cv2_resize, ...downsample2_shifted], tolerance_abs.images),
    ...within([{ name: "uint2single" }], tolerance_abs.images),
    ["out.single2uint", {}],
  ]);
  return { ...json, outputs, degradation };
}
